//! Segments that are to be kept, in memory that a socket takes without a copy.

use bytes::Bytes;
use segmenter::render::Recipe;

use super::{Buffers, Error, Source, gather, gather_piece};
use crate::mapped::Draft;

/// Bytes read at once, little enough for the processor to still hold them when they are written.
const PIECE: u64 = 256 << 10;
/// Shorter segments are copied faster than they are mapped.
const SMALLEST: u64 = 64 << 10;

/// A segment to be kept. Blocks.
///
/// # Errors
/// When the file can't be read or is not what it was.
pub fn keep(source: &Source, recipe: &Recipe, buffers: &Buffers) -> Result<Bytes, Error> {
    let draft = (recipe.size >= SMALLEST).then(Draft::new).flatten();
    match draft.map(|draft| fill(draft, source, recipe, buffers)) {
        Some(Ok(Some(bytes))) => Ok(bytes),
        Some(Err(error)) => Err(error),
        // Ordinary memory does as well.
        None | Some(Ok(None)) => gather(source, recipe, buffers),
    }
}

/// `None` when the system has no more memory of this kind.
fn fill(
    mut draft: Draft,
    source: &Source,
    recipe: &Recipe,
    buffers: &Buffers,
) -> Result<Option<Bytes>, Error> {
    let mut at = 0;
    while at < recipe.size {
        let end = recipe.size.min(at + PIECE);
        if draft.write(&gather_piece(source, recipe, at..end, buffers)?).is_err() {
            return Ok(None);
        }
        at = end;
    }
    Ok(draft.finish().ok())
}
