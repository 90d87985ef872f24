//! The file server: written under one path, served under another, no listing.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::front::{Call, Reply, System};
use crate::world::{World, lock};

#[derive(Debug, Default)]
pub(crate) struct Files {
    pub(crate) by_name: BTreeMap<String, Vec<u8>>,
}

pub(crate) struct FileSystem;

impl System for FileSystem {
    fn name(&self) -> &'static str {
        "files"
    }

    fn answer(&self, world: &Arc<World>, call: &Call) -> Reply {
        let segments = call.segments();
        let [folder, name] = segments.as_slice() else {
            return Reply::empty(404);
        };
        let mut files = lock(&world.files);
        match (call.method.as_str(), folder.as_str()) {
            ("PUT", "upload") => {
                let replaced = files.by_name.insert(name.clone(), call.body.clone()).is_some();
                Reply::empty(if replaced { 204 } else { 201 })
            }
            ("DELETE", "upload") => Reply::empty(if files.by_name.remove(name).is_some() { 204 } else { 404 }),
            ("GET" | "HEAD", "metadata") => files.by_name.get(name).map_or_else(
                || Reply::empty(404),
                |body| Reply {
                    status: 200,
                    reason: None,
                    headers: vec![("content-type".to_owned(), "application/json".to_owned())],
                    body: body.clone(),
                },
            ),
            ("GET" | "PUT" | "DELETE", _) => Reply::empty(404),
            _ => Reply::empty(405),
        }
    }
}
