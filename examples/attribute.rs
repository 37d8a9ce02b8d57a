//! The smallest program: one line on `main`, and one on the function that is of interest.
//!
//! ```sh
//! cargo run --release --example attribute
//! ```
//! The outermost annotated function is the session; one that runs inside it is a scope, with exact figures of
//! its own.

#[memscope::profile(output = "target/memscope-examples/attribute", sample_rate = 0.1)]
fn main() {
    for size in 4..=10 {
        println!("{size} queens: {} ways to place them", queens(size).len());
    }
    println!("When this program has ended: memscope-report target/memscope-examples/attribute/trace.bin");
}

/// All ways to place `size` queens on a board so that none attacks another: for each row, the queen's column.
#[memscope::profile]
fn queens(size: usize) -> Vec<Vec<usize>> {
    let mut boards = vec![Vec::new()];
    for _row in 0..size {
        boards = boards.iter().flat_map(|board| next_rows(board, size)).collect();
    }
    boards
}

fn next_rows(board: &[usize], size: usize) -> Vec<Vec<usize>> {
    let attacks = |column: usize, (above, queen): (usize, &usize)| {
        *queen == column || queen.abs_diff(column) == above + 1
    };
    let free = |column: &usize| !board.iter().rev().enumerate().any(|placed| attacks(*column, placed));
    (0..size).filter(free).map(|column| [board, &[column]].concat()).collect()
}
