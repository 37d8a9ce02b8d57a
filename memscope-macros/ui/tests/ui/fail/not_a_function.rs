#[memscope::profile]
struct Rows(Vec<u8>);

#[memscope::profile]
pub enum Kind {
    Small,
}

#[memscope::profile]
union Bits {
    a: u8,
}

#[memscope::profile]
impl Rows {
    fn len(&self) -> usize {
        self.0.len()
    }
}

#[memscope::profile]
unsafe trait Store {}

#[memscope::profile]
mod inner {
    pub fn f() {}
}

#[memscope::profile]
static TABLE: [u8; 1] = [1];

#[memscope::profile]
const FUNCTION: fn() = inner::f;

#[memscope::profile]
type Alias = Rows;

#[memscope::profile]
use std::collections::HashMap;

#[memscope::profile]
extern crate std as other;

#[memscope::profile]
unsafe extern "C" {
    fn abs(number: i32) -> i32;
}

#[memscope::profile]
macro_rules! nothing {
    () => {};
}

#[memscope::profile]
nothing!();

fn main() {
    // The items are still there: no error but the macro's.
    let map: HashMap<u8, Alias> = HashMap::new();
    let _ = (map.get(&1).map(Rows::len), TABLE, FUNCTION, Kind::Small, Bits { a: 1 });
}
