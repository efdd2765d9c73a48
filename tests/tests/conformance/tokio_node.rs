//! The driver for tokio.

async_node!(mfp_tokio, executor);

mod executor {
    use std::future::Future;
    use std::io;
    use std::net::SocketAddr;
    use std::sync::LazyLock;

    use tokio::net::TcpStream;
    use tokio::runtime::{Builder, Runtime};

    static EXECUTOR: LazyLock<Runtime> =
        LazyLock::new(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());

    pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
        EXECUTOR.block_on(future)
    }

    pub(super) fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        EXECUTOR.spawn(future);
    }

    pub(super) async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}
