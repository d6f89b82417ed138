//! Multipart uploads: parts wait in a folder of their own until they are joined.

use super::root::Root;
use super::walk;
use crate::upload::Spooled;
use crate::{ArtifactError, ArtifactPath, Result};
use std::fs::File;
use std::io::Error;
use std::os::fd::OwnedFd;
use uuid::Uuid;

/// The file that says what the parts will be.
const TARGET: &str = "target";

fn unknown(id: &str) -> ArtifactError {
    ArtifactError::Multipart(format!("there is none with the id '{id}' for this path"))
}

impl Root {
    pub(crate) fn begin_parts(&self, path: &ArtifactPath) -> Result<String> {
        path.split_last()?;
        let id = Uuid::new_v4().simple().to_string();
        let folder = walk::make_folder(&self.kept()?.parts, &id).map_err(Error::from)?;
        walk::write(folder, TARGET, path.as_str().as_bytes())?;
        Ok(id)
    }

    fn parts(&self, path: &ArtifactPath, id: &str) -> Result<OwnedFd> {
        if id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(unknown(id));
        }
        let folder = walk::folder(&self.kept()?.parts, id).map_err(|_| unknown(id))?;
        match walk::read(&folder, TARGET)? {
            Some(target) if target == path.as_str().as_bytes() => Ok(folder),
            _ => Err(unknown(id)),
        }
    }

    pub(crate) fn keep_part(
        &self,
        spooled: &Spooled,
        path: &ArtifactPath,
        id: &str,
        part: u32,
    ) -> Result<()> {
        let folder = self.parts(path, id)?;
        // The tag beside the part; a part that is sent again takes the place of the first.
        walk::write(&folder, &format!("{part}.tag"), spooled.print.name().as_bytes())?;
        Ok(walk::rename(spooled.folder(), spooled.name(), &folder, &part.to_string()).map_err(Error::from)?)
    }

    /// Opens parts in their order, after a look at their tags.
    pub(crate) fn open_parts(
        &self,
        path: &ArtifactPath,
        id: &str,
        parts: &[(u32, String)],
    ) -> Result<Vec<File>> {
        let folder = self.parts(path, id)?;
        let mut files = Vec::with_capacity(parts.len());
        for (part, tag) in parts {
            let kept = walk::read(&folder, &format!("{part}.tag"))?;
            let missing = || ArtifactError::Multipart(format!("part {part} was not uploaded"));
            let kept = kept.ok_or_else(missing)?;
            if !tag.is_empty() && tag.trim_matches('"').as_bytes() != kept {
                return Err(ArtifactError::Multipart(format!("part {part} has another tag")));
            }
            files.push(walk::file(&folder, &part.to_string()).map_err(|_| missing())?);
        }
        Ok(files)
    }

    pub(crate) fn drop_parts(&self, path: &ArtifactPath, id: &str) -> Result<()> {
        self.parts(path, id)?;
        walk::remove_all(&self.kept()?.parts, id)
    }
}
