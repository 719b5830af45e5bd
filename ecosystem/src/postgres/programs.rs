//! The programs of PostgreSQL, and the user that runs a server.

use std::fs;
use std::io;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use wheelhouse::process::Command;

/// The folder of Debian, with a folder for each version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The users that run a server if this program runs as root, which PostgreSQL refuses: the first
/// one that exists.
const ACCOUNTS: [&str; 2] = ["postgres", "nobody"];

/// Returns the folder that has `initdb` and `postgres`: one of `PATH`, or the newest version of
/// Debian.
pub(super) fn folder() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .find(|folder| is_complete(folder))
        .map(|folder| behind_links(&folder).unwrap_or(folder))
        .or_else(|| newest(Path::new(DEBIAN)))
}

/// Resolves a link from `folder` to `postgres`, to find the other programs.
fn behind_links(folder: &Path) -> Option<PathBuf> {
    let program = fs::canonicalize(folder.join("postgres")).ok()?;
    let folder = program.parent()?;
    is_complete(folder).then(|| folder.to_owned())
}

/// Returns `true` if the folder has the necessary programs.
fn is_complete(folder: &Path) -> bool {
    folder.is_absolute()
        && ["initdb", "postgres"]
            .iter()
            .all(|program| folder.join(program).is_file())
}

/// Returns the `bin` folder of the highest version.
fn newest(versions: &Path) -> Option<PathBuf> {
    let version = |entry: &fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
    let mut found: Vec<_> = fs::read_dir(versions)
        .ok()?
        .flatten()
        .filter_map(|entry| Some((version(&entry)?, entry.path().join("bin"))))
        .filter(|(_, folder)| is_complete(folder))
        .collect();
    found.sort();
    found.pop().map(|(_, folder)| folder)
}

/// The user that runs a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Account {
    /// The user of this program.
    Ours,
    /// Another user.
    Other {
        /// The user id.
        user: u32,
        /// The group id.
        group: u32,
    },
}

impl Account {
    /// Returns a user that PostgreSQL accepts; `None` if this is root and there is no other user.
    pub(super) fn choose() -> Option<Self> {
        if geteuid().is_root() {
            let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
            ACCOUNTS.iter().find_map(|name| find(&accounts, name))
        } else {
            Some(Self::Ours)
        }
    }

    /// Changes the owner of a folder to this user.
    pub(super) fn own(self, folder: &Path) -> io::Result<()> {
        match self {
            Self::Ours => Ok(()),
            Self::Other { user, group } => chown(folder, Some(user), Some(group)),
        }
    }

    /// Makes a command run as this user.
    pub(super) fn run(self, command: &mut Command) {
        if let Self::Other { user, group } = self {
            command.as_std_mut().uid(user).gid(group);
        }
    }
}

/// Finds a user in the text of `/etc/passwd`.
fn find(accounts: &str, name: &str) -> Option<Account> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then_some(())?;
        Some(Account::Other {
            user: fields.nth(1)?.parse().ok()?,
            group: fields.next()?.parse().ok()?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_their_whole_name() {
        let accounts = "root:x:0:0:root:/root:/bin/sh\npostgresql:x:1:2::/:/bin/sh\npostgres:x:101:104:,,,:/v:/b\n";
        let postgres = Account::Other {
            user: 101,
            group: 104,
        };
        assert_eq!(find(accounts, "postgres"), Some(postgres));
        assert_eq!(find(accounts, "nobody"), None);
    }

    #[test]
    fn the_newest_version_is_the_highest_number_that_has_its_programs() -> io::Result<()> {
        let versions = std::env::temp_dir().join(format!("versions-{}", std::process::id()));
        for (version, programs) in [
            ("9", &["initdb", "postgres"][..]),
            ("15", &["initdb", "postgres"]),
            ("16", &["postgres"]),
            ("other", &["initdb", "postgres"]),
        ] {
            let folder = versions.join(version).join("bin");
            fs::create_dir_all(&folder)?;
            for program in programs {
                fs::write(folder.join(program), "")?;
            }
        }
        let found = newest(&versions);
        fs::remove_dir_all(&versions)?;
        assert_eq!(found, Some(versions.join("15/bin")));
        assert_eq!(newest(&versions), None);
        Ok(())
    }
}
