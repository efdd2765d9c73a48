//! The driver for smol.

async_node!(mfp_smol, executor);

mod executor {
    use std::future::Future;
    use std::io;
    use std::net::SocketAddr;

    use smol::net::TcpStream;

    pub(super) use smol::block_on;

    pub(super) fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        smol::spawn(future).detach();
    }

    pub(super) async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}
