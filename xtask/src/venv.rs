//! The virtual environment that `provisioner.py` runs in, made and kept up to date by itself.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::processes::{root, run};

/// Pythons to look for, best first.
const PYTHONS: [&str; 4] = ["python3.11", "python3.12", "python3.13", "python3"];

/// Makes `.venv` hold what a requirements file asks for, beside what `provisioner.py` needs; gives its
/// interpreter.
pub(crate) async fn ensure(requirements: &str) -> anyhow::Result<PathBuf> {
    let base = read(&root().join("requirements.txt"))?;
    make(".venv", requirements, base).await
}

/// Makes an environment of its own, for tools whose needs must not mix with `provisioner.py`'s.
pub(crate) async fn ensure_beside(dir: &str, requirements: &str) -> anyhow::Result<PathBuf> {
    make(dir, requirements, String::new()).await
}

async fn make(dir: &str, requirements: &str, mut wanted: String) -> anyhow::Result<PathBuf> {
    let dir = root().join(dir);
    let python = dir.join("bin/python");
    let stamp = dir.join(format!("installed-{}", requirements.replace('/', "-")));
    wanted.push_str(&read(&root().join(requirements))?);
    if python.exists() && std::fs::read_to_string(&stamp).is_ok_and(|seen| seen == wanted) {
        return Ok(python);
    }
    eprintln!("making the virtual environment {} from {requirements} …", dir.display());
    if !has_pip(&python).await {
        let base = find_python().await?;
        // Without python3-venv a try leaves an interpreter behind that no pip belongs to.
        run(&base, &["-m", "venv", "--clear", &dir.to_string_lossy()])
            .await
            .context("python3 -m venv failed; on Debian: apt-get install python3-venv, then the same again")?;
    }
    let python_text = python.to_string_lossy().into_owned();
    run(&python_text, &["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements])
        .await
        .with_context(|| format!("pip could not install {requirements}"))?;
    std::fs::write(&stamp, wanted)?;
    Ok(python)
}

async fn has_pip(python: &Path) -> bool {
    let ran = tokio::process::Command::new(python).args(["-m", "pip", "--version"]).output().await;
    ran.is_ok_and(|output| output.status.success())
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{} can't be read", path.display()))
}

async fn find_python() -> anyhow::Result<String> {
    for name in PYTHONS {
        let check = ["-c", "import sys; sys.exit(sys.version_info < (3, 11))"];
        let ran = tokio::process::Command::new(name).args(check).output().await;
        if ran.is_ok_and(|output| output.status.success()) {
            return Ok(name.to_owned());
        }
    }
    bail!("Python 3.11 or newer is needed; on Debian: apt-get install python3 python3-venv")
}
