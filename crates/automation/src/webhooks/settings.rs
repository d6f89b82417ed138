//! What is set by the environment, under the names that MLflow has for it.

use std::time::Duration;

/// How messages are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSettings {
    /// Schemes that an address may have.
    pub schemes: Vec<String>,
    /// Whether addresses may lead to this machine or into a private network.
    pub allow_private: bool,
    /// How long one try may take.
    pub timeout: Duration,
    /// Tries after the first.
    pub retries: u32,
    /// Messages that are on their way at once.
    pub workers: usize,
    /// The pause before the second try; it doubles with every further one.
    pub first_pause: Duration,
}

impl Default for WebhookSettings {
    fn default() -> Self {
        Self {
            schemes: vec!["https".to_owned()],
            allow_private: false,
            timeout: Duration::from_secs(30),
            retries: 3,
            workers: 10,
            first_pause: Duration::from_secs(1),
        }
    }
}

impl WebhookSettings {
    /// Reads the settings from the environment.
    ///
    /// # Errors
    /// When a value is not understood: its name, and what is expected.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let mut settings = Self::default();
        let given = |name: &str| variable(name).filter(|text| !text.trim().is_empty());
        let number = |name: &str| match given(name) {
            None => Ok(None),
            Some(text) => match text.trim().parse::<u32>() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(format!("{name} is `{text}`; it must be a whole number")),
            },
        };
        if let Some(schemes) = given("MLFLOW_WEBHOOK_ALLOWED_SCHEMES") {
            settings.schemes = schemes.split(',').map(|one| one.trim().to_ascii_lowercase()).collect();
            if let Some(odd) = settings.schemes.iter().find(|one| !matches!(one.as_str(), "http" | "https")) {
                return Err(format!(
                    "MLFLOW_WEBHOOK_ALLOWED_SCHEMES names `{odd}`; known are http and https"
                ));
            }
        }
        settings.allow_private = match given("MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS") {
            None => false,
            Some(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" => true,
                "false" | "0" => false,
                _ => {
                    return Err(format!("MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS is `{text}`; write true or false"));
                }
            },
        };
        if let Some(seconds) = number("MLFLOW_WEBHOOK_REQUEST_TIMEOUT")? {
            settings.timeout = Duration::from_secs(u64::from(seconds.clamp(1, 600)));
        }
        if let Some(retries) = number("MLFLOW_WEBHOOK_REQUEST_MAX_RETRIES")? {
            settings.retries = retries.min(20);
        }
        if let Some(workers) = number("MLFLOW_WEBHOOK_DELIVERY_MAX_WORKERS")? {
            settings.workers = workers.clamp(1, 100) as usize;
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::WebhookSettings;

    #[test]
    fn nothing_private_and_nothing_plain_unless_said() {
        let none = WebhookSettings::from_environment(|_| None).unwrap();
        assert_eq!(none, WebhookSettings::default());
        assert!(!none.allow_private && none.schemes == ["https"]);
        let some = WebhookSettings::from_environment(|name| {
            Some(match name {
                "MLFLOW_WEBHOOK_ALLOWED_SCHEMES" => "https, HTTP".to_owned(),
                "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS" => "True".to_owned(),
                _ => "5".to_owned(),
            })
        });
        let some = some.unwrap();
        assert_eq!((some.schemes.join(" "), some.allow_private), ("https http".to_owned(), true));
        assert_eq!((some.timeout.as_secs(), some.retries, some.workers), (5, 5, 5));
        for (name, value) in [
            ("MLFLOW_WEBHOOK_ALLOWED_SCHEMES", "file"),
            ("MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS", "yes please"),
            ("MLFLOW_WEBHOOK_REQUEST_TIMEOUT", "soon"),
        ] {
            let error = WebhookSettings::from_environment(|asked| (asked == name).then(|| value.to_owned()));
            assert!(error.unwrap_err().contains(name));
        }
    }
}
