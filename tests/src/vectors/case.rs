//! One case, read field by field.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::Failure;

/// A case of a file, or an object inside one. Remembers which fields were read.
#[derive(Debug)]
pub struct Case<'a> {
    at: String,
    fields: &'a Map<String, Value>,
    context: Option<&'a Value>,
    read: RefCell<BTreeSet<&'a str>>,
}

/// Runs `check` on a case, and fails if it left a field unread.
pub(super) fn checked<'a>(
    at: String,
    fields: &'a Map<String, Value>,
    context: Option<&'a Value>,
    check: impl FnOnce(&Case<'a>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let case = Case { at, fields, context, read: RefCell::default() };
    check(&case)?;
    let read = case.read.borrow();
    let unread: Vec<_> = fields.keys().map(String::as_str).filter(|field| !read.contains(field)).collect();
    if unread.is_empty() { Ok(()) } else { Err(case.failure(&format!("no check reads: {}", unread.join(", ")))) }
}

impl<'a> Case<'a> {
    /// A failure of this case that is about no single field.
    pub fn failure(&self, what: &str) -> Failure {
        Failure(format!("{}: {what}", self.at))
    }

    /// A failure about a field.
    pub fn field_failure(&self, field: &str, what: &str) -> Failure {
        self.failure(&format!("field `{field}` {what}"))
    }

    /// Fails, naming the field, unless `holds`.
    ///
    /// # Errors
    /// [`Failure`] with `what` if it does not hold.
    pub fn require(&self, holds: bool, field: &str, what: &str) -> Result<(), Failure> {
        if holds { Ok(()) } else { Err(self.field_failure(field, what)) }
    }

    /// For an `op` that no check knows.
    ///
    /// # Errors
    /// Always.
    pub fn unknown_op(&self) -> Result<(), Failure> {
        let op = self.value("op").map_or_else(|_| "none".to_owned(), Value::to_string);
        Err(self.field_failure("op", &format!("is unknown: {op}")))
    }

    /// Whether the field is there.
    pub fn has(&self, field: &str) -> bool {
        self.fields.contains_key(field)
    }

    /// The value of a field as it stands.
    ///
    /// # Errors
    /// [`Failure`] if there is no such field.
    pub fn value(&self, field: &str) -> Result<&'a Value, Failure> {
        let (name, value) = self.fields.get_key_value(field).ok_or_else(|| self.field_failure(field, "is missing"))?;
        self.read.borrow_mut().insert(name);
        Ok(value)
    }

    /// The text of `op`, if the case has one.
    ///
    /// # Errors
    /// [`Failure`] if it is not text.
    pub fn op(&self) -> Result<Option<&'a str>, Failure> {
        if self.has("op") { self.text("op").map(Some) } else { Ok(None) }
    }

    /// A text.
    ///
    /// # Errors
    /// [`Failure`] if it is missing or not text.
    pub fn text(&self, field: &str) -> Result<&'a str, Failure> {
        self.value(field)?.as_str().ok_or_else(|| self.field_failure(field, "is not text"))
    }

    /// An integer that fits into `T`; all of 0 to 2^64 − 1 are read exactly.
    ///
    /// # Errors
    /// [`Failure`] if it is missing, no such integer, or too large for `T`.
    pub fn integer<T: TryFrom<u64>>(&self, field: &str) -> Result<T, Failure> {
        self.to_integer(field, self.value(field)?)
    }

    /// A list of integers.
    ///
    /// # Errors
    /// As for [`Case::integer`].
    pub fn integers<T: TryFrom<u64>>(&self, field: &str) -> Result<Vec<T>, Failure> {
        self.list(field)?.iter().map(|value| self.to_integer(field, value)).collect()
    }

    /// A byte string in hex.
    ///
    /// # Errors
    /// [`Failure`] if it is missing or not hex.
    pub fn bytes(&self, field: &str) -> Result<Vec<u8>, Failure> {
        self.to_bytes(field, self.value(field)?)
    }

    /// A list of byte strings in hex.
    ///
    /// # Errors
    /// As for [`Case::bytes`].
    pub fn byte_strings(&self, field: &str) -> Result<Vec<Vec<u8>>, Failure> {
        self.list(field)?.iter().map(|value| self.to_bytes(field, value)).collect()
    }

    /// A byte string of exactly `N` bytes.
    ///
    /// # Errors
    /// [`Failure`] if it is missing, not hex, or of another length.
    pub fn array<const N: usize>(&self, field: &str) -> Result<[u8; N], Failure> {
        let bytes = self.bytes(field)?;
        let len = bytes.len();
        bytes.try_into().map_err(|_| self.field_failure(field, &format!("has {len} bytes, not {N}")))
    }

    /// Runs `check` on each object of a list, as on a case: a field left unread is a failure.
    ///
    /// # Errors
    /// [`Failure`] if it is no list of objects, or the first that fails.
    pub fn each(&self, field: &str, mut check: impl FnMut(&Case<'a>) -> Result<(), Failure>) -> Result<(), Failure> {
        for (index, value) in self.list(field)?.iter().enumerate() {
            self.object_at(field, format!("{} {field}[{index}]", self.at), value, &mut check)?;
        }
        Ok(())
    }

    /// Runs `check` on an object, as on a case.
    ///
    /// # Errors
    /// [`Failure`] if it is no object, or what the check says.
    pub fn object(&self, field: &str, check: impl FnOnce(&Case<'a>) -> Result<(), Failure>) -> Result<(), Failure> {
        self.object_at(field, format!("{} {field}", self.at), self.value(field)?, check)
    }

    /// Runs `check` on what all cases of the file share, as on a case.
    ///
    /// # Errors
    /// [`Failure`] if there is no such object, or what the check says.
    pub fn context(&self, check: impl FnOnce(&Case<'a>) -> Result<(), Failure>) -> Result<(), Failure> {
        let context = self.context.ok_or_else(|| self.failure("the file has no context"))?;
        self.object_at("context", format!("{} context", self.at), context, check)
    }

    /// Compares bytes with the field that records them.
    ///
    /// # Errors
    /// [`Failure`] if they differ.
    pub fn expect(&self, field: &str, found: &[u8]) -> Result<(), Failure> {
        let expected = self.bytes(field)?;
        self.same_bytes(field, &expected, found)
    }

    /// Compares a list of byte strings with the field that records them.
    ///
    /// # Errors
    /// [`Failure`] if there are more or fewer of them, or two differ.
    pub fn expect_strings(&self, field: &str, found: &[&[u8]]) -> Result<(), Failure> {
        let expected = self.byte_strings(field)?;
        let lengths = format!("has {} strings, found {}", expected.len(), found.len());
        self.require(expected.len() == found.len(), field, &lengths)?;
        expected.iter().zip(found).try_for_each(|(expected, found)| self.same_bytes(field, expected, found))
    }

    /// Compares an integer with the field that records it.
    ///
    /// # Errors
    /// [`Failure`] if they differ.
    pub fn expect_integer(&self, field: &str, found: u64) -> Result<(), Failure> {
        let expected: u64 = self.integer(field)?;
        self.require(expected == found, field, &format!("differs: expected {expected}, found {found}"))
    }

    /// Compares a text with the field that records it.
    ///
    /// # Errors
    /// [`Failure`] if they differ.
    pub fn expect_text(&self, field: &str, found: &str) -> Result<(), Failure> {
        let expected = self.text(field)?;
        self.require(expected == found, field, &format!("differs: expected \"{expected}\", found \"{found}\""))
    }

    fn list(&self, field: &str) -> Result<&'a Vec<Value>, Failure> {
        self.value(field)?.as_array().ok_or_else(|| self.field_failure(field, "is not a list"))
    }

    fn object_at(
        &self,
        field: &str,
        at: String,
        value: &'a Value,
        check: impl FnOnce(&Case<'a>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let fields = value.as_object().ok_or_else(|| self.field_failure(field, "is not an object"))?;
        checked(at, fields, None, check)
    }

    fn to_integer<T: TryFrom<u64>>(&self, field: &str, value: &Value) -> Result<T, Failure> {
        let number = value.as_u64().ok_or_else(|| self.field_failure(field, "is not an integer of 64 bits"))?;
        T::try_from(number).map_err(|_| self.field_failure(field, &format!("is too large: {number}")))
    }

    fn to_bytes(&self, field: &str, value: &Value) -> Result<Vec<u8>, Failure> {
        let text = value.as_str().ok_or_else(|| self.field_failure(field, "is not hex"))?;
        hex::decode(text).map_err(|error| self.field_failure(field, &format!("is not hex: {error}")))
    }

    fn same_bytes(&self, field: &str, expected: &[u8], found: &[u8]) -> Result<(), Failure> {
        if expected == found {
            return Ok(());
        }
        let first = expected.iter().zip(found).take_while(|(expected, found)| expected == found).count();
        let show = |bytes: &[u8]| hex::encode(bytes.iter().skip(first).take(32).copied().collect::<Vec<_>>());
        let what = format!(
            "differs from byte {first} on: expected {}… ({} bytes), found {}… ({} bytes)",
            show(expected),
            expected.len(),
            show(found),
            found.len(),
        );
        Err(self.field_failure(field, &what))
    }
}
