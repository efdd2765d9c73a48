use mfp_proto::crypto::Secret;
use mfp_proto::legacy::storage::{Cell, OVERHEAD, storage_key};
use mfp_tests::aead::BACK_ENDS;
use mfp_tests::vectors::{Case, Failure};

pub(super) fn check(case: &Case<'_>) -> Result<(), Failure> {
    match case.op()? {
        Some("storage_key") => {
            let key = storage_key(&case.bytes("master_key")?, &case.bytes("runtime_id")?);
            case.expect("out", key.expose_secret())
        }
        Some("cell") => cell(case),
        _ => case.unknown_op(),
    }
}

fn cell(case: &Case<'_>) -> Result<(), Failure> {
    let key = Secret::from_bytes(case.array("storage_key")?);
    let (table, column) = (case.text("table")?.as_bytes(), case.text("column")?.as_bytes());
    let cell = Cell::new(&key, table, column, &case.bytes("row_id")?);
    let cell = cell.map_err(|error| case.failure(&error.to_string()))?;
    case.expect("cell_key", cell.key().expose_secret())?;
    case.expect("aad", cell.aad())?;
    let (nonce, content) = (case.array("nonce")?, case.bytes("plaintext")?);
    for back_end in BACK_ENDS {
        let mut buf = [&[0; 12], content.as_slice(), &[0; OVERHEAD - 12]].concat();
        cell.seal(back_end, &nonce, &mut buf).map_err(|error| case.failure(&error.to_string()))?;
        case.expect("out", &buf)?;
        for at in 0..buf.len() {
            let mut bad = buf.clone();
            bad[at] ^= 1;
            case.require(cell.open(back_end, &mut bad).is_err(), "out", "opens with a flipped bit")?;
        }
        let opened = cell.open(back_end, &mut buf).map_err(|error| case.failure(&error.to_string()))?;
        case.require(buf.get(opened) == Some(&content), "out", "opens to something else")?;
        case.require(cell.open(back_end, &mut [0; OVERHEAD - 1]).is_err(), "out", "opens without a tag")?;
    }
    Ok(())
}
