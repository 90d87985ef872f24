//! `tamesuke-server check`: tries everything that the service will need, and says what mends what fails.

use std::io::Write as _;
use std::process::Command;

use tamesuke_domain::ports::{Billing as _, Fault};

use crate::settings::Settings;
use crate::wire;

/// Tries everything; `true` if all is well.
pub(crate) async fn check(settings: &Settings) -> anyhow::Result<bool> {
    let adapters = wire::adapters(settings)?;
    let mut report = Report { well: true };
    report.line("configuration", Ok("all keys read".to_owned()), "")?;
    let stripe = adapters.stripe.check().await.map(|()| "the key is good".to_owned());
    report.line(
        "stripe",
        told(stripe),
        "put the secret key from https://dashboard.stripe.com/apikeys into STRIPE_SECRET_KEY",
    )?;
    prices(settings, &adapters, &mut report).await?;
    let proxmox = adapters.machines.proxmox().check().await.map(|version| format!("version {version}"));
    report.line(
        "proxmox",
        told(proxmox),
        "curl -k https://$PROXMOX_HOST:8006/ ; check PROXMOX_USER, PROXMOX_PASSWORD and PROXMOX_CA_FILE",
    )?;
    for application in settings.catalog.applications().iter().filter(|application| application.available) {
        let Some(template) = application.template else {
            continue;
        };
        let seen = adapters.machines.proxmox().container(&settings.proxmox.node, template).await;
        let verdict = told(seen).and_then(|found| match found {
            Some(container) if container.template => Ok(format!("container {template}")),
            Some(_) => Err(format!("container {template} is no template")),
            None => Err(format!("container {template} does not exist")),
        });
        let mend = format!("templates/build-{}-template.sh on the Proxmox host", application.id);
        report.line(&format!("template of {}", application.id), verdict, &mend)?;
    }
    let cloudflare = adapters.machines.cloudflare().check().await.map(|()| "tunnels and DNS can be read".to_owned());
    report.line(
        "cloudflare",
        told(cloudflare),
        "make a token with Cloudflare Tunnel:Edit and DNS:Edit at https://dash.cloudflare.com/profile/api-tokens",
    )?;
    let files = adapters.machines.files().check().await.map(|()| "answers".to_owned());
    report.line(
        "file server",
        told(files),
        "curl -i http://$FILESERVER_HOST:$FILESERVER_PORT/metadata/metadata-x.json must answer 404",
    )?;
    let smtp = if settings.smtp.password.is_some() {
        told(adapters.mailer.check().await.map(|()| "takes our name and password".to_owned()))
    } else {
        Ok("no SENDGRID_API_KEY: mails are marked as skipped".to_owned())
    };
    report.line("mail server", smtp, "check SMTP_HOST, SMTP_PORT, SMTP_TLS and SENDGRID_API_KEY")?;
    report.line(
        "python",
        python(settings),
        "python3 -m venv venv && venv/bin/pip install -r requirements.txt, then PYTHON=venv/bin/python",
    )?;
    Ok(report.well)
}

/// Every Price must be there, active, and last as long as its trial.
async fn prices(settings: &Settings, adapters: &wire::Adapters, report: &mut Report) -> std::io::Result<()> {
    for ((application, days), id) in &settings.prices {
        let seen = adapters.stripe.price(id).await;
        let verdict = told(seen).and_then(|price| {
            let long_enough = price.days.is_some_and(|period| period >= u32::from(days.get()));
            match (price.active, long_enough) {
                (true, true) => Ok(format!("{} for {days} days", price.money)),
                (false, _) => Err("the price is not active".to_owned()),
                (true, false) => Err(format!("its period is shorter than {days} days, it would be charged twice")),
            }
        });
        let mend = format!(
            "stripe prices create --currency jpy --unit-amount 500 -d recurring[interval]=day -d recurring[interval_count]={days} -d product_data[name]={application}"
        );
        report.line(&format!("price of {application} for {days} days"), verdict, &mend)?;
    }
    Ok(())
}

fn told<T>(outcome: Result<T, Fault>) -> Result<T, String> {
    outcome.map_err(|fault| fault.chain())
}

fn python(settings: &Settings) -> Result<String, String> {
    if !settings.script.path.is_file() {
        return Err(format!("PROVISIONER {} does not exist", settings.script.path.display()));
    }
    #[expect(clippy::disallowed_methods, reason = "`check` asks the interpreter itself what it has; nothing waits for it")]
    let ran = Command::new(&settings.script.python)
        .args(["-c", "import sys, proxmoxer, cloudflare, requests, dotenv; assert sys.version_info >= (3, 11); print(sys.version.split()[0])"])
        .output()
        .map_err(|error| format!("{} does not start: {error}", settings.script.python.display()))?;
    if ran.status.success() {
        return Ok(format!("{} with the script's libraries", String::from_utf8_lossy(&ran.stdout).trim()));
    }
    let words = String::from_utf8_lossy(&ran.stderr).trim().lines().last().unwrap_or_default().to_owned();
    Err(words)
}

struct Report {
    well: bool,
}

impl Report {
    fn line(&mut self, what: &str, verdict: Result<String, String>, mend: &str) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        match verdict {
            Ok(detail) => writeln!(out, "✓ {what}: {detail}"),
            Err(why) => {
                self.well = false;
                writeln!(out, "✗ {what}: {why}\n    mend it: {mend}")
            }
        }
    }
}
