//! Where messages may go. A webhook must not make the server call itself or its neighbours.

use super::WebhookSettings;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;
use url::{Host, Url};

/// Bytes of an address.
const LENGTH: usize = 2000;

/// Reads an address and checks what can be seen without asking anybody.
pub(super) fn read(text: &str, settings: &WebhookSettings) -> Result<Url, String> {
    if text.trim().is_empty() {
        return Err(format!("Webhook URL cannot be empty or just whitespace: '{text}'"));
    }
    if text.len() > LENGTH {
        return Err(format!("Webhook URL exceeds the maximum length of {LENGTH} characters"));
    }
    let url = Url::parse(text).map_err(|error| format!("Invalid webhook URL '{text}': {error}"))?;
    if !settings.schemes.iter().any(|scheme| scheme == url.scheme()) {
        return Err(format!(
            "Invalid webhook URL scheme: '{}'. Allowed schemes are: {}.",
            url.scheme(),
            settings.schemes.join(", ")
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("Webhook URL must not include credentials.".to_owned());
    }
    let ip = match url.host() {
        None => return Err(format!("Webhook URL must include a hostname: '{text}'")),
        Some(Host::Domain(_)) => None,
        Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
    };
    if let Some(ip) = ip.filter(|ip| !settings.allow_private && !is_public(*ip)) {
        return Err(not_public(url.host_str().unwrap_or_default(), ip));
    }
    Ok(url)
}

/// Looks the name of an address up. One that is not known now may be known later; one that leads
/// inside is refused.
pub(super) fn look_up(url: &Url, settings: &WebhookSettings) -> Result<(), String> {
    let Some(Host::Domain(name)) = url.host() else { return Ok(()) };
    if settings.allow_private {
        return Ok(());
    }
    let port = url.port_or_known_default().unwrap_or(443);
    let Ok(found) = (name, port).to_socket_addrs() else { return Ok(()) };
    match found.map(|address| address.ip()).find(|ip| !is_public(*ip)) {
        None => Ok(()),
        Some(ip) => Err(not_public(name, ip)),
    }
}

fn not_public(host: &str, ip: IpAddr) -> String {
    format!("Webhook URL must not resolve to a non-public IP address. '{host}' resolves to {ip}.")
}

/// Whether an address belongs to the public network. IPv6 addresses that stand for an IPv4 address
/// count as that.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => embedded(ip).map_or_else(|| is_public_v6(ip), is_public_v4),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || ip.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b));
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [first, second, ..] = ip.segments();
    // Only 2000::/3 is given out; protocol assignments and documentation lie within.
    first & 0xe000 == 0x2000
        && !(first == 0x2001 && second < 0x0200)
        && !(first == 0x2001 && second == 0x0db8)
        && first != 0x3fff
}

fn embedded(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let parts = ip.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match parts {
        [0x2002, high, low, ..] => Some(v4(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        _ => ip.to_ipv4_mapped(),
    }
}

/// Resolves names for connections. What is checked is what is connected to: there is no second look
/// that could find something else.
#[derive(Debug, Default)]
pub(super) struct PublicOnly {
    system: DefaultResolver,
    allow_private: bool,
}

impl PublicOnly {
    pub(super) fn new(allow_private: bool) -> Self {
        Self { system: DefaultResolver::default(), allow_private }
    }
}

impl Resolver for PublicOnly {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.system.resolve(uri, config, timeout)?;
        let refused = found.iter().map(SocketAddr::ip).find(|ip| !self.allow_private && !is_public(*ip));
        match refused {
            None => Ok(found),
            Some(ip) => Err(ureq::Error::Other(not_public(uri.host().unwrap_or_default(), ip).into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{WebhookSettings, is_public, look_up, read};

    #[test]
    fn only_public_addresses_are_public() {
        for ip in [
            "127.0.0.1",
            "127.8.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "198.18.0.1",
            "192.0.2.1",
            "192.0.0.8",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "2001:db8::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "2002:7f00:1::",
            "64:ff9b::7f00:1",
            "2001::1",
        ] {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn addresses_are_refused_by_what_they_say() {
        let settings = WebhookSettings::default();
        for (url, why) in [
            ("   ", "cannot be empty or just whitespace"),
            ("ftp://example.com", "Invalid webhook URL scheme: 'ftp'. Allowed schemes are: https."),
            ("http://example.com", "Invalid webhook URL scheme"),
            ("http://[invalid", "Invalid webhook URL"),
            ("example.com/x", "Invalid webhook URL"),
            ("https://127.0.0.1/x", "non-public"),
            ("https://127.1/x", "non-public"),
            ("https://0x7f000001/x", "non-public"),
            ("https://2130706433/", "non-public"),
            ("https://[::1]:8080/", "non-public"),
            ("https://[::ffff:169.254.169.254]/", "non-public"),
            ("https://u:p@example.com/", "must not include credentials"),
        ] {
            let error = read(url, &settings).unwrap_err();
            assert!(error.contains(why), "{url}: {error}");
        }
        let url = read("https://localhost/x", &settings).unwrap();
        assert!(look_up(&url, &settings).unwrap_err().contains("non-public"));
        let unknown = read("https://no-such-name.invalid/x", &settings).unwrap();
        assert_eq!(look_up(&unknown, &settings), Ok(()), "a name may become known later");
        let open = WebhookSettings { allow_private: true, ..settings };
        assert!(read("https://127.0.0.1/x", &open).is_ok());
    }
}
