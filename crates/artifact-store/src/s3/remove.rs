//! Deleting from the bucket.

use super::bucket::Bucket;
use crate::path::RESERVED;
use crate::{ArtifactError, ArtifactPath, Result};
use object_store::ObjectStoreExt as _;

impl Bucket {
    /// Removes a file, or a folder with all in it.
    pub(crate) async fn delete(&self, path: &ArtifactPath) -> Result<()> {
        self.writable()?;
        path.split_last()?;
        let error = |error| ArtifactError::from_remote(error, path.as_str());
        let mut paths = vec![path.clone()];
        let mut found = false;
        let index = self.own("index", path.as_str())?;
        let root = self.own("index", "")?;
        for object in self.below(&index).await? {
            let name = object.location.as_ref().strip_prefix(root.as_ref()).unwrap_or_default();
            let name = name.trim_start_matches('/').rsplitn(4, '=').nth(3).unwrap_or_default();
            paths.push(ArtifactPath::parse(name)?);
        }
        paths.dedup();
        for path in &paths {
            for line in self.lines(path).await? {
                self.forget(&line, path, true).await?;
                found = true;
            }
        }
        let plain = self.plain(path.as_str())?;
        let mut objects = self.below(&plain).await?;
        objects.extend(self.plain_object(path).await?);
        for object in objects {
            debug_assert!(!object.location.as_ref().contains(RESERVED), "the root cannot be deleted");
            self.store.delete(&object.location).await.map_err(error)?;
            found = true;
        }
        if found { Ok(()) } else { Err(ArtifactError::NotFound(path.as_str().to_owned())) }
    }
}
