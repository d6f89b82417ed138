//! A PostgreSQL server for tests: its own folder and port, gone with the tests.

use crate::shell::quietly;
use anyhow::{Context as _, Result, bail};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where Debian's packages lie, one folder per version.
const PACKAGES: &str = "/usr/lib/postgresql";
const PASSWORD: &str = "mainspring";

/// A running server.
pub(crate) struct Postgres {
    programs: PathBuf,
    folder: PathBuf,
    /// The URI of a database that may be filled.
    pub(crate) uri: String,
    /// The certificate that vouches for its own.
    pub(crate) authority: PathBuf,
}

impl Postgres {
    /// Installs PostgreSQL where it is missing, and starts a server that nothing else uses.
    pub(crate) fn start() -> Result<Self> {
        let programs = programs()?;
        // Not below `target`: the server's user, who is never root, may not get there.
        let folder = std::env::temp_dir().join(format!("mainspring-postgres-{}", std::process::id()));
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        if is_root()? {
            quietly(Command::new("chown").arg("postgres").arg(&folder)).context("giving a folder away")?;
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let uri = format!("postgresql://mainspring:{PASSWORD}@127.0.0.1:{port}/postgres");
        let password = folder.join("password");
        std::fs::write(&password, PASSWORD)?;
        let authority = folder.join("server.crt");
        let server = Self { programs, folder, uri, authority };
        server.make_certificate()?;
        // A collation unlike SQLite's order shows where a column's own is forgotten.
        quietly(
            server
                .program("initdb")?
                .args(["--username=mainspring", "--auth=scram-sha-256", "--encoding=UTF8"])
                .args(["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"])
                .arg(format!("--pwfile={}", password.display()))
                .arg("--pgdata")
                .arg(server.data()),
        )
        .context("making a PostgreSQL database")?;
        let settings = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off \
             -c max_connections=300 -c ssl=on -c ssl_cert_file=../server.crt -c ssl_key_file=../server.key"
        );
        quietly(
            server
                .program("pg_ctl")?
                .args(["--wait", "--silent", "--options", &settings, "--log"])
                .arg(server.folder.join("log"))
                .arg("--pgdata")
                .arg(server.data())
                .arg("start"),
        )
        .context("starting PostgreSQL")?;
        Ok(server)
    }

    /// Makes a certificate that is its own authority.
    fn make_certificate(&self) -> Result<()> {
        let key = self.folder.join("server.key");
        quietly(
            Command::new("openssl")
                .args([
                    "req",
                    "-x509",
                    "-newkey",
                    "rsa:2048",
                    "-nodes",
                    "-days",
                    "2",
                    "-subj",
                    "/CN=127.0.0.1",
                ])
                .args(["-addext", "subjectAltName=IP:127.0.0.1"])
                .args(["-addext", "basicConstraints=critical,CA:FALSE"])
                .arg("-keyout")
                .arg(&key)
                .arg("-out")
                .arg(&self.authority),
        )
        .context("making a certificate")?;
        if is_root()? {
            quietly(Command::new("chown").arg("postgres").arg(&key)).context("giving a key away")?;
        }
        Ok(())
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// One of its programs, to be run by somebody who is not root.
    fn program(&self, name: &str) -> Result<Command> {
        let path = self.programs.join(name);
        let mut command = if is_root()? {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        command.current_dir(&self.folder);
        Ok(command)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let stop = self.program("pg_ctl").and_then(|mut stop| {
            quietly(stop.args(["--wait", "--mode=immediate", "--pgdata"]).arg(self.data()).arg("stop"))
        });
        if let Err(error) = stop {
            eprintln!("PostgreSQL in {} does not stop: {error:#}", self.folder.display());
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The folder of the server's programs.
fn programs() -> Result<PathBuf> {
    if let Some(found) = newest(Path::new(PACKAGES)) {
        return Ok(found);
    }
    quietly(Command::new("apt-get").arg("update")).context("looking for PostgreSQL")?;
    quietly(
        Command::new("apt-get")
            .args(["install", "--yes", "--no-install-recommends", "postgresql"])
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )
    .context("installing PostgreSQL")?;
    newest(Path::new(PACKAGES)).with_context(|| format!("no PostgreSQL server in {PACKAGES}"))
}

fn newest(packages: &Path) -> Option<PathBuf> {
    let versions = std::fs::read_dir(packages).ok()?.filter_map(|entry| {
        let version: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let programs = packages.join(version.to_string()).join("bin");
        ["initdb", "pg_ctl", "postgres"]
            .iter()
            .all(|name| programs.join(name).exists())
            .then_some((version, programs))
    });
    versions.max_by_key(|(version, _)| *version).map(|(_, programs)| programs)
}

fn is_root() -> Result<bool> {
    let user = quietly(Command::new("id").arg("--user"))?;
    match user.trim().parse::<u32>() {
        Ok(user) => Ok(user == 0),
        Err(_) => bail!("`id --user` says {user}"),
    }
}
