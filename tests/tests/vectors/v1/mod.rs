//! Constructions that version 2 keeps, against vectors of version 1.

mod conversation;
mod encoding;
mod frame;
mod ratchet;
mod stream;

files! {
    V1 {
        aad => encoding::aad,
        advance => ratchet::advance,
        chacha20_prng => stream::chacha20_prng,
        conversation_local => conversation::check,
        distribution_seed => frame::seed,
        encode => encoding::encode,
        encoding_key => encoding::key,
        frame_local => frame::frame_local,
        hash => stream::hash,
        mirror => frame::mirror,
        nonce => encoding::nonce,
        seed => ratchet::seed,
    }
    left_out {
        "agent_id" => "version 2 has another formula",
        "bilateral_advance" => "a construction of the peer protocol of version 1",
        "bilateral_id" => "a construction of the peer protocol of version 1",
        "bilateral_seed" => "a construction of the peer protocol of version 1",
        "bootstrap_ceremonial" => "a construction of the peer protocol of version 1",
        "compose" => "version 2 has another global state",
        "conversation_cross" => "a construction of the peer protocol of version 1",
        "diagnosis" => "recovery of the peer protocol of version 1",
        "envelope" => "a construction of the peer protocol of version 1",
        "frame_cross" => "a construction of the peer protocol of version 1",
        "identity" => "version 2 has another formula",
        "invalid_wire" => "a construction of the peer protocol of version 1",
        "merkle" => "version 2 has another tree",
        "negotiate" => "recovery of the peer protocol of version 1",
        "rekey" => "rotation of the peer protocol of version 1",
        "rotation" => "rotation of the peer protocol of version 1",
        "state_hash" => "recovery of the peer protocol of version 1",
        "storage" => "the store of version 2 seals its cells in another way",
        "wire_message" => "a construction of the peer protocol of version 1",
    }
}
