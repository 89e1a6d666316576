//! `ProxyError`: why a proxy could not get a response, as a field (RFC 9209).

use http::{HeaderName, HeaderValue, StatusCode};

use super::status_field;

macro_rules! proxy_errors {
    ($($name:ident $token:literal $status:ident $doc:literal)*) => {
        /// A proxy error type (RFC 9209 §2.3).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ProxyError { $(#[doc = $doc] $name),* }

        impl ProxyError {
            /// All of them, in the order of the RFC.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The registered name.
            #[must_use]
            pub const fn token(self) -> &'static str {
                match self { $(Self::$name => $token),* }
            }

            /// The recommended status of a response that the proxy generates for it.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),* }
            }
        }
    };
}

proxy_errors! {
    DnsTimeout "dns_timeout" GATEWAY_TIMEOUT "The resolver did not answer in time (§2.3.1)."
    DnsError "dns_error" BAD_GATEWAY "The resolver answered with an error (§2.3.2)."
    DestinationNotFound "destination_not_found" INTERNAL_SERVER_ERROR "No next hop is known for the request (§2.3.3)."
    DestinationUnavailable "destination_unavailable" SERVICE_UNAVAILABLE "The next hop is known to be down (§2.3.4)."
    DestinationIpProhibited "destination_ip_prohibited" BAD_GATEWAY "Configuration forbids the address (§2.3.5)."
    DestinationIpUnroutable "destination_ip_unroutable" BAD_GATEWAY "No route to the address (§2.3.6)."
    ConnectionRefused "connection_refused" BAD_GATEWAY "The next hop refused the connection (§2.3.7)."
    ConnectionTerminated "connection_terminated" BAD_GATEWAY "The connection ended before a complete response (§2.3.8)."
    ConnectionTimeout "connection_timeout" GATEWAY_TIMEOUT "The connection was not established in time (§2.3.9)."
    ConnectionReadTimeout "connection_read_timeout" GATEWAY_TIMEOUT "Nothing came from the next hop in time (§2.3.10)."
    ConnectionWriteTimeout "connection_write_timeout" GATEWAY_TIMEOUT "The next hop did not take what was sent in time (§2.3.11)."
    ConnectionLimitReached "connection_limit_reached" SERVICE_UNAVAILABLE "The limit of connections to the next hop is reached (§2.3.12)."
    TlsProtocolError "tls_protocol_error" BAD_GATEWAY "The TLS handshake failed (§2.3.13)."
    TlsCertificateError "tls_certificate_error" BAD_GATEWAY "The next hop's certificate is not valid (§2.3.14)."
    TlsAlertReceived "tls_alert_received" BAD_GATEWAY "The next hop sent a TLS alert (§2.3.15)."
    HttpRequestError "http_request_error" BAD_REQUEST "The proxy answers a client error itself (§2.3.16)."
    HttpRequestDenied "http_request_denied" FORBIDDEN "Policy forbids the request (§2.3.17)."
    HttpResponseIncomplete "http_response_incomplete" BAD_GATEWAY "The response ended too early (§2.3.18)."
    HttpResponseHeaderSectionSize "http_response_header_section_size" BAD_GATEWAY "The response's fields are too large (§2.3.19)."
    HttpResponseHeaderSize "http_response_header_size" BAD_GATEWAY "One field of the response is too large (§2.3.20)."
    HttpResponseBodySize "http_response_body_size" BAD_GATEWAY "The response's content is too large (§2.3.21)."
    HttpResponseTrailerSectionSize "http_response_trailer_section_size" BAD_GATEWAY "The response's trailers are too large (§2.3.22)."
    HttpResponseTrailerSize "http_response_trailer_size" BAD_GATEWAY "One trailer of the response is too large (§2.3.23)."
    HttpResponseTransferCoding "http_response_transfer_coding" BAD_GATEWAY "The transfer coding could not be decoded (§2.3.24)."
    HttpResponseContentCoding "http_response_content_coding" BAD_GATEWAY "The content coding could not be decoded (§2.3.25)."
    HttpResponseTimeout "http_response_timeout" GATEWAY_TIMEOUT "The whole response did not come in time (§2.3.26)."
    HttpUpgradeFailed "http_upgrade_failed" BAD_GATEWAY "The upgrade between proxy and next hop failed (§2.3.27)."
    HttpProtocolError "http_protocol_error" BAD_GATEWAY "The next hop broke the protocol (§2.3.28)."
    ProxyInternalResponse "proxy_internal_response" OK "The proxy generated the response itself (§2.3.29)."
    ProxyInternalError "proxy_internal_error" INTERNAL_SERVER_ERROR "The proxy failed by itself (§2.3.30)."
    ProxyConfigurationError "proxy_configuration_error" INTERNAL_SERVER_ERROR "The proxy's configuration is wrong (§2.3.31)."
    ProxyLoopDetected "proxy_loop_detected" BAD_GATEWAY "The request came through here before (§2.3.32)."
}

/// The name of the field.
pub const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// The member of `Proxy-Status` for the proxy called `name`; `details` are for people (§2.1.5) and must
/// hold nothing that a client may not see.
#[must_use]
pub fn proxy_status(name: &str, error: ProxyError, details: Option<&str>) -> HeaderValue {
    let mut text = status_field::token_or_string(name);
    text.push_str("; error=");
    text.push_str(error.token());
    if let Some(details) = details {
        text.push_str("; details=");
        text.push_str(&status_field::string(details));
    }
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("proxy"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_member_names_the_error_and_quotes_the_details() {
        let value = proxy_status("artifact-cache", ProxyError::DnsError, Some("no \"a\"\n"));
        assert_eq!(
            value,
            "artifact-cache; error=dns_error; details=\"no \\\"a\\\"?\""
        );
    }

    #[test]
    fn every_token_is_its_name_in_snake_case() {
        for error in ProxyError::ALL {
            let mut snake = String::new();
            for character in format!("{error:?}").chars() {
                if character.is_ascii_uppercase() && !snake.is_empty() {
                    snake.push('_');
                }
                snake.push(character.to_ascii_lowercase());
            }
            assert_eq!(snake, error.token());
        }
        assert_eq!(ProxyError::ALL.len(), 32);
    }
}
