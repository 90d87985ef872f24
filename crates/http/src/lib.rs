#![doc = include_str!("../README.md")]

pub mod app;
pub mod language;
pub mod limits;
pub mod problem;
pub mod server;

mod body;
mod form;
mod openapi;
mod routes;
mod stall;

pub use app::{OperatorPages, Outside, Rejection, Web, WebSettings, WebhookProof, configure};
pub use server::{ServerSettings, serve};
