//! Tasks: begun with a UPID, ended when their time has passed, with a log of what they did.

use serde_json::{Value, json};

use super::api::{data, failed, parameters};
use super::schema::truth;
use super::{Guest, Proxmox, Task, Work};
use crate::front::{Call, Reply};
use crate::world::{World, lock};

impl Proxmox {
    /// Begins a task and gives its UPID. What was planned for the next of its kind happens to it.
    pub(super) fn begin(
        &mut self,
        kind: &'static str,
        id: u64,
        user: &str,
        (now_ms, takes_ms): (i64, i64),
        work: Work,
    ) -> String {
        self.counter = self.counter.wrapping_add(1);
        let started = now_ms / 1_000;
        let (pid, pstart) = (0x1000 + self.counter, 0x0010_0000 + self.counter);
        let upid = format!("UPID:odin:{pid:08X}:{pstart:08X}:{started:08X}:{kind}:{id}:{user}:");
        let plan = self.plans.iter().position(|(planned, _)| planned == kind).map(|at| self.plans.remove(at).1);
        self.tasks.push(Task {
            upid: upid.clone(),
            kind,
            id,
            user: user.to_owned(),
            started,
            pid,
            pstart,
            ends_ms: now_ms + takes_ms,
            exit: None,
            plan,
            work,
        });
        upid
    }
}

/// Ends what is due, in order.
pub(super) fn finish(state: &mut Proxmox, now_ms: i64) {
    let mut due: Vec<usize> = (0..state.tasks.len())
        .filter(|index| state.tasks[*index].exit.is_none() && state.tasks[*index].ends_ms <= now_ms)
        .collect();
    due.sort_by_key(|index| state.tasks[*index].ends_ms);
    for index in due {
        let (work, at) = (state.tasks[index].work.clone(), state.tasks[index].ends_ms);
        let plan = state.tasks[index].plan.clone();
        let exit = match plan {
            Some(text) if !text.starts_with("WARNINGS") => {
                undo(state, &work);
                text
            }
            Some(text) => {
                end(state, &work, at);
                text
            }
            None => end(state, &work, at),
        };
        state.tasks[index].exit = Some(exit);
    }
}

/// A task that fails leaves things as they were; a clone's target is removed again.
fn undo(state: &mut Proxmox, work: &Work) {
    match work {
        Work::Clone { source, target } => {
            state.guests.retain(|guest| guest.vmid != *target);
            if let Some(guest) = state.find(*source) {
                guest.lock = None;
            }
        }
        Work::Destroy(vmid) => {
            if let Some(guest) = state.find(*vmid) {
                guest.lock = None;
            }
        }
        Work::Start(_) | Work::Stop(_) | Work::Resize(..) | Work::Fail(_) => {}
    }
}

fn end(state: &mut Proxmox, work: &Work, at_ms: i64) -> String {
    let ok = "OK".to_owned();
    match work {
        Work::Clone { source, target } => {
            for vmid in [source, target] {
                if let Some(guest) = state.find(*vmid) {
                    guest.lock = None;
                }
            }
            ok
        }
        Work::Start(vmid) => state.find(*vmid).map_or_else(
            || format!("Configuration file 'nodes/odin/lxc/{vmid}.conf' does not exist"),
            |guest: &mut Guest| {
                guest.started_ms = Some(at_ms);
                guest.token = None;
                guest.has_asked = false;
                ok
            },
        ),
        Work::Stop(vmid) => {
            if let Some(guest) = state.find(*vmid) {
                guest.started_ms = None;
            }
            ok
        }
        Work::Destroy(vmid) => {
            state.guests.retain(|guest| guest.vmid != *vmid);
            ok
        }
        Work::Resize(vmid, disk, size) => {
            if let Some(value) = state.find(*vmid).and_then(|guest| guest.config.get_mut(disk)) {
                let volume = value.split(',').next().unwrap_or_default().to_owned();
                *value = format!("{volume},size={size}");
            }
            ok
        }
        Work::Fail(text) => text.clone(),
    }
}

/// A task by its UPID, or the refusal.
fn found<'a>(state: &'a mut Proxmox, upid: &str) -> Result<&'a mut Task, Reply> {
    if !upid.starts_with("UPID:") || upid.split(':').count() != 9 {
        return Err(failed(400, "unable to parse worker upid"));
    }
    state.tasks.iter_mut().find(|task| task.upid == upid).ok_or_else(|| failed(400, "no such task"))
}

pub(super) fn status(world: &World, upid: &str) -> Reply {
    let mut state = lock(&world.proxmox);
    let task = match found(&mut state, upid) {
        Ok(task) => task,
        Err(reply) => return reply,
    };
    let mut view = json!({"upid": task.upid, "node": "odin", "pid": task.pid, "pstart": task.pstart,
        "starttime": task.started, "type": task.kind, "id": task.id.to_string(), "user": task.user,
        "status": if task.exit.is_some() { "stopped" } else { "running" }});
    if let (Some(exit), Some(fields)) = (&task.exit, view.as_object_mut()) {
        fields.insert("exitstatus".to_owned(), json!(exit));
    }
    data(&view)
}

/// Ends a running task: it is interrupted, and undone.
pub(super) fn interrupt(world: &World, upid: &str) -> Reply {
    let mut state = lock(&world.proxmox);
    let task = match found(&mut state, upid) {
        Ok(task) => task,
        Err(reply) => return reply,
    };
    if task.exit.is_none() {
        task.exit = Some("interrupted by signal".to_owned());
        let work = task.work.clone();
        undo(&mut state, &work);
    }
    data(&Value::Null)
}

fn lines(task: &Task) -> Vec<String> {
    let mut lines = match &task.work {
        Work::Clone { source, target } => vec![
            format!("create full clone of mountpoint rootfs (vm-storage:basevol-{source}-disk-0)"),
            format!("new volume ID is 'vm-storage:subvol-{target}-disk-0'"),
        ],
        Work::Destroy(vmid) => vec![format!("purging CT {vmid} from related configurations..")],
        Work::Start(_) | Work::Stop(_) | Work::Resize(..) | Work::Fail(_) => Vec::new(),
    };
    match task.exit.as_deref() {
        None => {}
        Some("OK") => lines.push("TASK OK".to_owned()),
        Some(warned) if warned.starts_with("WARNINGS") => lines.push(format!("TASK {warned}")),
        Some(error) => lines.push(format!("TASK ERROR: {error}")),
    }
    lines
}

pub(super) fn log(world: &World, call: &Call, upid: &str) -> Reply {
    let given = parameters(call);
    let number = |name: &str, default: usize| given.get(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let mut state = lock(&world.proxmox);
    let lines = match found(&mut state, upid) {
        Ok(task) => lines(task),
        Err(reply) => return reply,
    };
    let (start, limit) = (number("start", 0), number("limit", 50));
    // A limit of 0 is all there is.
    let limit = if limit == 0 { lines.len() } else { limit };
    let mut shown: Vec<Value> =
        lines.iter().enumerate().skip(start).take(limit).map(|(at, text)| json!({"n": at + 1, "t": text})).collect();
    if lines.is_empty() {
        shown = vec![json!({"n": 1, "t": "no content"})];
    }
    Reply::json(200, &json!({"data": shown, "total": lines.len()}))
        .with_header("content-type", "application/json;charset=UTF-8")
}

pub(super) fn list(world: &World, call: &Call) -> Reply {
    let given = parameters(call);
    let number = |name: &str, default: usize| given.get(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let state = lock(&world.proxmox);
    let source = given.get("source").map_or("archive", String::as_str);
    let errors = given.get("errors").and_then(|text| truth(text)).unwrap_or(false);
    let fits = |task: &&Task| {
        let well = task.exit.as_deref().is_none_or(|exit| exit == "OK" || exit.starts_with("WARNINGS"));
        (source == "all" || (source == "archive") == task.exit.is_some())
            && given.get("vmid").is_none_or(|vmid| *vmid == task.id.to_string())
            && given.get("typefilter").is_none_or(|kind| kind == task.kind)
            && given.get("userfilter").is_none_or(|user| task.user.contains(user.as_str()))
            && (!errors || !well)
    };
    let shown: Vec<Value> = state
        .tasks
        .iter()
        .rev()
        .filter(fits)
        .skip(number("start", 0))
        .take(number("limit", 50))
        .map(|task| {
            let mut view = json!({"upid": task.upid, "node": "odin", "pid": task.pid, "pstart": task.pstart,
                "type": task.kind, "id": task.id.to_string(), "user": task.user, "starttime": task.started});
            if let Some(exit) = &task.exit {
                view["status"] = json!(exit);
                view["endtime"] = json!(task.ends_ms / 1_000);
            }
            view
        })
        .collect();
    data(&json!(shown))
}
