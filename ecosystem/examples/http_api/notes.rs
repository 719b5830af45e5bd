//! The notes, and the handlers of requests.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use send_wrapper::SendWrapper;
use serde::{Deserialize, Serialize};

/// The state that all handlers share. The wrapper is `Send`, as axum requires, and panics with a
/// message when it is used on another thread.
type Shared = SendWrapper<Rc<RefCell<Notes>>>;

#[derive(Default)]
struct Notes {
    by_id: BTreeMap<u64, Note>,
    /// The id of the latest note.
    latest: u64,
}

#[derive(Clone, Serialize)]
struct Note {
    id: u64,
    text: String,
}

/// The body of a request to create a note.
#[derive(Deserialize)]
struct Draft {
    text: String,
}

pub(crate) fn routes() -> Router {
    let notes = Shared::new(Rc::default());
    Router::new()
        .route("/notes", get(list).post(create))
        .route("/notes/{id}", get(read).delete(delete))
        .with_state(notes)
}

async fn list(State(notes): State<Shared>) -> Json<Vec<Note>> {
    let notes = notes.borrow();
    Json(notes.by_id.values().cloned().collect())
}

async fn create(State(notes): State<Shared>, Json(draft): Json<Draft>) -> (StatusCode, Json<Note>) {
    let notes = &mut *notes.borrow_mut();
    notes.latest += 1;
    let note = Note {
        id: notes.latest,
        text: draft.text,
    };
    notes.by_id.insert(note.id, note.clone());
    (StatusCode::CREATED, Json(note))
}

async fn read(State(notes): State<Shared>, Path(id): Path<u64>) -> Result<Json<Note>, StatusCode> {
    let notes = notes.borrow();
    let note = notes.by_id.get(&id).ok_or(StatusCode::NOT_FOUND)?;
    Ok(Json(note.clone()))
}

async fn delete(State(notes): State<Shared>, Path(id): Path<u64>) -> StatusCode {
    match notes.borrow_mut().by_id.remove(&id) {
        Some(_) => StatusCode::NO_CONTENT,
        None => StatusCode::NOT_FOUND,
    }
}
