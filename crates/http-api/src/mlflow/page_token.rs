//! Page tokens: base64 of `{"offset": N}`, as clients pass them back.

use super::ApiError;
use super::request::Params;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The token of the page that begins at an offset.
pub(super) fn encode(offset: usize) -> String {
    let text = format!("{{\"offset\": {offset}}}");
    let mut token = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = chunk
            .iter()
            .chain([0, 0].iter())
            .take(3)
            .fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        for place in 0..4 {
            if place <= chunk.len() {
                token.push(char::from(ALPHABET[(bits >> (18 - 6 * place)) & 63]));
            } else {
                token.push('=');
            }
        }
    }
    token
}

/// The offset that the request's token stands for; 0 without one.
pub(super) fn offset(params: &Params) -> Result<usize, ApiError> {
    let Some(token) = params.text("page_token")? else { return Ok(0) };
    let bytes =
        decode(&token).ok_or_else(|| ApiError::invalid("Invalid page token, could not base64-decode"))?;
    let value: Option<serde_json::Value> = serde_json::from_slice(&bytes).ok();
    value
        .as_ref()
        .and_then(|value| value.get("offset")?.as_u64())
        .and_then(|offset| usize::try_from(offset).ok())
        .ok_or_else(|| ApiError::invalid("Invalid page token, it holds no offset"))
}

fn decode(token: &str) -> Option<Vec<u8>> {
    let digits = token.trim_end_matches('=');
    let mut bytes = Vec::with_capacity(digits.len());
    for chunk in digits.as_bytes().chunks(4) {
        let mut bits = 0_usize;
        for byte in chunk {
            // Tokens in an address may come in the form that is safe there.
            let byte = match byte {
                b'-' => b'+',
                b'_' => b'/',
                other => *other,
            };
            bits = bits << 6 | ALPHABET.iter().position(|digit| *digit == byte)?;
        }
        bits <<= 6 * (4 - chunk.len());
        let whole = bits.to_be_bytes();
        bytes.extend_from_slice(&whole[whole.len() - 3..][..chunk.len().checked_sub(1)?]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn tokens_come_back() {
        for offset in [1, 12, 123, 1234, 25_000] {
            let text = format!("{{\"offset\": {offset}}}");
            assert_eq!(decode(&encode(offset)).as_deref(), Some(text.as_bytes()));
        }
        assert_eq!(encode(100), "eyJvZmZzZXQiOiAxMDB9");
        assert_eq!(decode("§"), None);
        assert_eq!(decode("A"), Some(vec![]));
    }
}
