//! `tamesuke-server check`: tries everything that the service will need, and says what mends what fails.

mod here;
mod report;

use tamesuke_domain::ports::{Billing as _, Fault};
use tamesuke_provisioner::tls::Trust;

use crate::settings::{Faults, ProxmoxKeys, Settings};
use crate::wire::{self, Adapters};
use report::Report;

/// Tells what is wrong with a configuration that does not read; nothing else can be tried then.
pub(crate) fn tell(faults: &Faults) -> std::io::Result<()> {
    let mut report = Report { well: true };
    for (name, what, example) in faults.each() {
        report.line(name, Err(what.to_owned()), &format!("for example {name}={example}"))?;
    }
    report.aside("all else", "can be tried once the configuration reads", "docs/configuration.md explains each key")
}

/// Tries everything; `true` if all is well.
pub(crate) async fn check(settings: &Settings) -> anyhow::Result<bool> {
    let adapters = wire::adapters(settings)?;
    let mut report = Report { well: true };
    report.line("configuration", Ok("all keys read".to_owned()), "")?;
    here::settings(settings, &mut report)?;
    here::state_dir(settings, &mut report)?;
    let stripe = adapters.stripe.check().await.map(|()| "the key is good".to_owned());
    report.line(
        "stripe",
        told(stripe),
        "put the secret key from https://dashboard.stripe.com/apikeys into STRIPE_SECRET_KEY",
    )?;
    here::clock(&adapters.clock, &mut report)?;
    prices(settings, &adapters, &mut report).await?;
    proxmox(settings, &adapters, &mut report).await?;
    cloudflare(settings, &adapters, &mut report).await?;
    let files = adapters.machines.files().check().await.map(|()| "keeps, serves and deletes a file".to_owned());
    let mend = format!(
        "curl -i -T /etc/hostname {0}upload/metadata--check-.json ; curl -i {0}metadata/metadata--check-.json must show it",
        settings.file_server.base
    );
    report.line("file server", told(files), &mend)?;
    mail(settings, &adapters, &mut report).await?;
    here::python(settings, &mut report)?;
    Ok(report.well)
}

/// Every Price must be there, active, and last as long as its trial.
async fn prices(settings: &Settings, adapters: &Adapters, report: &mut Report) -> std::io::Result<()> {
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
            "stripe prices create --currency jpy --unit-amount 500 -d recurring[interval]=day -d recurring[interval_count]={days} -d product_data[name]={application}, then its id into STRIPE_PRICE_{}_{days}D",
            application.as_str().to_ascii_uppercase()
        );
        report.line(&format!("price of {application} for {days} days"), verdict, &mend)?;
    }
    Ok(())
}

async fn proxmox(settings: &Settings, adapters: &Adapters, report: &mut Report) -> std::io::Result<()> {
    let proxmox = adapters.machines.proxmox();
    let seen = proxmox.check().await.map(|version| format!("version {version}"));
    report.line("proxmox", told(seen), &mend_proxmox(&settings.proxmox))?;
    for application in settings.catalog.applications().iter().filter(|application| application.available) {
        let Some(template) = application.template else {
            continue;
        };
        let seen = proxmox.container(&settings.proxmox.node, template).await;
        let verdict = told(seen).and_then(|found| match found {
            Some(container) if container.template => Ok(format!("container {template}")),
            Some(_) => Err(format!("container {template} is no template")),
            None => Err(format!("container {template} does not exist")),
        });
        let mend = format!("templates/build-{}-template.sh on the Proxmox host", application.id);
        report.line(&format!("template of {}", application.id), verdict, &mend)?;
    }
    Ok(())
}

/// A command that shows how far one gets with the trust that is set.
fn mend_proxmox(keys: &ProxmoxKeys) -> String {
    let (base, host) = (&keys.base, keys.base.authority());
    let look = match &keys.trust {
        Trust::System => format!("curl -i {base}/version"),
        Trust::CaFile(path) => format!("curl -i --cacert {} {base}/version", path.display()),
        Trust::Fingerprint(_) => format!(
            "openssl s_client -connect {host} </dev/null | openssl x509 -noout -sha256 -fingerprint must show PROXMOX_FINGERPRINT; curl -k -i {base}/version"
        ),
    };
    format!("{look} must answer 401; then check PROXMOX_USER, PROXMOX_PASSWORD and PROXMOX_NODE")
}

async fn cloudflare(settings: &Settings, adapters: &Adapters, report: &mut Report) -> std::io::Result<()> {
    let cloudflare = adapters.machines.cloudflare();
    let seen = cloudflare.check().await.map(|()| "tunnels and DNS can be read".to_owned());
    let good = seen.is_ok();
    report.line(
        "cloudflare",
        told(seen),
        "make a token with Cloudflare Tunnel:Edit and DNS:Edit at https://dash.cloudflare.com/profile/api-tokens",
    )?;
    if !good {
        return Ok(());
    }
    let domain = &settings.web.service_domain;
    let verdict = told(cloudflare.records().await).and_then(|records| {
        let stranger = records.iter().map(|record| &record.name).find(|name| !is_under(name, domain));
        match stranger {
            Some(name) => Err(format!("it has the record {name}, so it is not the zone of SERVICE_DOMAIN {domain}")),
            None => Ok(format!("{} records, all under {domain}", records.len())),
        }
    });
    report.line(
        "zone",
        verdict,
        "copy the Zone ID from the overview of SERVICE_DOMAIN's zone, its apex, into CLOUDFLARE_ZONE_ID",
    )
}

/// The token may read records, but not the zone itself; the records' names give it away.
fn is_under(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

async fn mail(settings: &Settings, adapters: &Adapters, report: &mut Report) -> std::io::Result<()> {
    if settings.smtp.password.is_none() {
        return report.aside(
            "mail server",
            "no SENDGRID_API_KEY: mails are marked as skipped",
            "make one with the right Mail Send at https://app.sendgrid.com/settings/api_keys",
        );
    }
    let seen = adapters.mailer.check().await.map(|()| "takes our name and password".to_owned());
    let mend = format!(
        "openssl s_client -connect {}:{} -starttls smtp -brief ; check SMTP_HOST, SMTP_PORT, SMTP_TLS and SENDGRID_API_KEY",
        settings.smtp.host, settings.smtp.port
    );
    report.line("mail server", told(seen), &mend)
}

fn told<T>(outcome: Result<T, Fault>) -> Result<T, String> {
    outcome.map_err(|fault| fault.chain())
}

#[cfg(test)]
mod tests {
    use super::is_under;

    #[test]
    fn a_record_is_under_its_zone_and_not_under_one_that_ends_alike() {
        assert!(is_under("persys.jp", "persys.jp") && is_under("a.b.persys.jp", "persys.jp"));
        assert!(!is_under("xpersys.jp", "persys.jp") && !is_under("persys.jp", "trials.persys.jp"));
    }
}
