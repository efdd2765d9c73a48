//! Items and headers: what is parsed is written back byte for byte.

use mfp_proto::wire::item::{EncodeError, Item, Kind};
use mfp_proto::wire::{HEADER_LEN, Header};

/// Takes the bytes for an item, for the body of an item of each kind, and for a header.
///
/// # Panics
/// If the property fails.
pub fn roundtrip(data: &[u8]) {
    if let Ok((n, item)) = Item::parse(data) {
        whole(data, n, &item);
    }
    for kind in Kind::ALL {
        if let Ok(item) = Item::parse_body(kind, data) {
            body(kind, data, &item);
        }
    }
    if let Some(bytes) = data.first_chunk::<HEADER_LEN>()
        && let Ok(header) = Header::parse(bytes)
    {
        assert_eq!(header.encode(), *bytes);
    }
}

fn whole(data: &[u8], n: u64, item: &Item<'_>) {
    let mut out = vec![0xee; data.len()];
    assert_eq!(item.encode_into(n, &mut out, Some(data.len())), Ok(data.len()));
    assert_eq!(out, data);
    let need = item.encoded_len();
    let mut out = vec![0xee; need];
    assert_eq!(item.encode_into(n, &mut out[1..], None), Err(EncodeError::TooSmall { need }));
    assert_eq!(item.encode_into(n, &mut out, None), Ok(need));
    assert_eq!(Item::parse(&out), Ok((n, item.clone())), "padding carries nothing");
}

fn body(kind: Kind, data: &[u8], item: &Item<'_>) {
    assert_eq!((item.kind(), item.body_len()), (kind, data.len()));
    let mut out = vec![0xee; data.len()];
    assert_eq!(item.encode_body(&mut out), Ok(data.len()));
    assert_eq!(out, data);
    let mut out = vec![0xee; item.encoded_len()];
    let n = u64::from(kind.is_numbered());
    assert_eq!(item.encode_into(n, &mut out, None), Ok(out.len()));
    assert_eq!(Item::parse(&out), Ok((n, item.clone())));
}
