#[memscope::profile]
async fn fetch() -> u32 {
    1
}

// Whether this `main` is that of a runtime, the macro cannot tell.
mod short {
    use tokio::main;

    #[memscope::profile]
    #[main(flavor = "current_thread")]
    pub async fn other() {}
}

struct Client;

impl Client {
    #[memscope::profile]
    pub async fn get(&self) {}
}

fn main() {
    drop((fetch(), short::other(), Client.get()));
}
