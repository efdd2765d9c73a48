mod delivery;
mod host;
mod pair;
mod recovery;
mod sessions;
