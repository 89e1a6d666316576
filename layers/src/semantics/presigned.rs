//! Presigned URLs: the query carries a signature that is another one each time, for the same resource.
//! What is left without it is the resource's name.

use super::target_uri::TargetUri;

/// A way of signing: it is there when every one of `marks` is.
struct Scheme {
    /// The signature comes first.
    marks: &'static [&'static str],
    /// Further parameters that belong to the signature.
    parts: &'static [&'static str],
    /// Every parameter that begins so belongs to the signature.
    prefix: Option<&'static str>,
}

/// Signature version 4 of object stores, in its two spellings; the version before it, in its two
/// spellings; shared access signatures; signed URLs of delivery networks.
const SCHEMES: [Scheme; 6] = [
    Scheme {
        marks: &["x-amz-signature", "x-amz-credential"],
        parts: &[],
        prefix: Some("x-amz-"),
    },
    Scheme {
        marks: &["x-goog-signature", "x-goog-credential"],
        parts: &[],
        prefix: Some("x-goog-"),
    },
    Scheme {
        marks: &["signature", "key-pair-id"],
        parts: &["expires", "policy", "hash-algorithm"],
        prefix: None,
    },
    Scheme {
        marks: &["signature", "awsaccesskeyid"],
        parts: &["expires", "x-amz-security-token"],
        prefix: None,
    },
    Scheme {
        marks: &["signature", "googleaccessid"],
        parts: &["expires"],
        prefix: None,
    },
    Scheme {
        marks: &["sig", "sv"],
        parts: &[
            "ss", "srt", "sp", "st", "se", "spr", "sr", "sip", "si", "skoid", "sktid", "skt",
            "ske", "sks", "skv", "sdd", "saoid", "suoid", "scid", "ses",
        ],
        prefix: None,
    },
];

/// The name of what `uri` leads to when it is presigned, `None` when it is not.
///
/// Parameters that choose what is answered stay as they are (`versionId`, `response-content-type` and
/// its like, `rscd` and its like). The signature stays as a parameter without value: what was fetched
/// with one is not found by a request that has none.
///
/// ```
/// use artifact_cache_layers::semantics::{presigned, target_uri::TargetUri};
/// let uri: TargetUri = "https://s.example/o?versionId=1&X-Amz-Credential=c&X-Amz-Signature=f0".parse().unwrap();
/// let name = presigned::name(&uri).unwrap();
/// assert_eq!(name.as_str(), "https://s.example/o?versionId=1&X-Amz-Signature=");
/// ```
#[must_use]
pub fn name(uri: &TargetUri) -> Option<TargetUri> {
    let query = uri.url().query().filter(|query| query.contains("ig"))?;
    let names = || query.split('&').map(name_of);
    let has = |mark: &str| names().any(|name| name.eq_ignore_ascii_case(mark));
    let scheme = SCHEMES
        .iter()
        .find(|scheme| scheme.marks.iter().all(|mark| has(mark)))?;
    let kept: Vec<&str> = query
        .split('&')
        .filter_map(|parameter| scheme.kept(parameter))
        .collect();
    let mut url = uri.url().clone();
    url.set_query(Some(&kept.join("&")));
    url.as_str().parse().ok()
}

/// Whether `uri` is presigned.
#[must_use]
pub fn is_presigned(uri: &TargetUri) -> bool {
    name(uri).is_some()
}

impl Scheme {
    /// What stays of a parameter.
    fn kept<'a>(&self, parameter: &'a str) -> Option<&'a str> {
        let name = name_of(parameter);
        let is = |known: &&str| name.eq_ignore_ascii_case(known);
        if self.marks.first().is_some_and(is) {
            // The name with its `=`.
            return parameter.get(..=name.len());
        }
        let is_prefixed = self.prefix.is_some_and(|prefix| {
            let start = name.get(..prefix.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        });
        let is_part = is_prefixed || self.marks.iter().any(is) || self.parts.iter().any(is);
        (!is_part).then_some(parameter)
    }
}

fn name_of(parameter: &str) -> &str {
    parameter.split('=').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(url: &str) -> Option<String> {
        Some(name(&url.parse().unwrap())?.to_string())
    }

    #[test]
    fn each_scheme_loses_its_signature_and_nothing_else() {
        for (query, kept) in [
            (
                "X-Amz-Algorithm=A&X-Amz-Credential=c%2Fd&X-Amz-Date=1&X-Amz-Expires=9&X-Amz-SignedHeaders=host&X-Amz-Security-Token=t&x-id=GetObject&versionId=v&response-content-disposition=a%3Bb&X-Amz-Signature=ff",
                "x-id=GetObject&versionId=v&response-content-disposition=a%3Bb&X-Amz-Signature=",
            ),
            (
                "a=1&X-Goog-Algorithm=A&X-Goog-Credential=c&X-Goog-Date=1&X-Goog-Expires=9&X-Goog-SignedHeaders=host&X-Goog-Signature=f&generation=5",
                "a=1&X-Goog-Signature=&generation=5",
            ),
            (
                "AWSAccessKeyId=k&Expires=1&Signature=s%3D&versionId=2",
                "Signature=&versionId=2",
            ),
            ("GoogleAccessId=k&Expires=1&Signature=s", "Signature="),
            (
                "sv=1&ss=b&srt=o&sp=r&se=2&st=1&spr=https&sig=x%3D&rscd=a&snapshot=3",
                "sig=&rscd=a&snapshot=3",
            ),
            ("Expires=1&Signature=s~&Key-Pair-Id=K&v=1", "Signature=&v=1"),
            ("Policy=p&Signature=s&Key-Pair-Id=K", "Signature="),
        ] {
            let url = format!("https://s.example/o%2Fp?{query}");
            let expected = format!("https://s.example/o%2Fp?{kept}");
            assert_eq!(named(&url), Some(expected), "{query}");
        }
    }

    #[test]
    fn two_signatures_of_one_object_have_one_name_and_no_signature_another() {
        let url = |signature| {
            format!("https://s.example/o?X-Amz-Credential=c&X-Amz-Signature={signature}")
        };
        assert_eq!(named(&url("1")), named(&url("2")));
        assert_ne!(named(&url("1")), Some("https://s.example/o".to_owned()));
        assert_ne!(
            named(&url("1")),
            named("https://s.example/o?versionId=1&X-Amz-Credential=c&X-Amz-Signature=1")
        );
    }

    #[test]
    fn what_only_looks_signed_is_left_alone() {
        for query in [
            "Signature=1",
            "sig=1",
            "Expires=1&Key-Pair-Id=2",
            "X-Amz-Signature=1",
            "design=1",
            "X-Amz-Credential=c",
            "",
        ] {
            assert_eq!(
                named(&format!("https://s.example/o?{query}")),
                None,
                "{query}"
            );
        }
        assert_eq!(named("https://s.example/sig?"), None);
    }
}
