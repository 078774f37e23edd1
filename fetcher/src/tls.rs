//! TLS to PostgreSQL, as libpq's sslmode means it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as RustlsError, RootCertStore, SignatureScheme,
};
use rustls_platform_verifier::Verifier;
use tokio_postgres_rustls::MakeRustlsConnect;

/// Why no TLS can be had as it is set.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file of certificate authorities cannot be used.
    #[error("DB_CA_FILE {file}: {source}")]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// A certificate authority in the file cannot be used, or there is none.
    #[error("DB_CA_FILE {file}: {reason}")]
    Authorities {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// A check that needs authorities of one's own.
    #[error("sslmode=verify-ca needs DB_CA_FILE: any system's authority signs for anybody; or use sslmode=verify-full")]
    NoAuthorities,
    /// The system's certificate authorities, or the TLS library.
    #[error("TLS: {0}")]
    Setup(#[from] RustlsError),
}

/// What is asked of the server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// To be signed by an authority of DB_CA_FILE if that is set, else nothing: encryption alone.
    AuthorityIfSet,
    /// To be signed by an authority of DB_CA_FILE.
    Authority,
    /// To be signed by an authority of DB_CA_FILE, else of the system, and to name the host.
    AuthorityAndName,
}

/// Splits what the PostgreSQL client does not know, `sslmode=verify-ca` and `verify-full`, from an address: what is left
/// says `require`.
pub fn split_check(address: &str) -> (String, Check) {
    for (mode, check) in [("verify-full", Check::AuthorityAndName), ("verify-ca", Check::Authority)] {
        let setting = format!("sslmode={mode}");
        for (at, _) in address.match_indices(&setting) {
            // A whole parameter, of an address or of a list of settings.
            let (before, after) = (address[..at].chars().next_back(), address[at + setting.len()..].chars().next());
            if before.is_none_or(|sign| "?& ".contains(sign)) && after.is_none_or(|sign| "& ".contains(sign)) {
                let address = [&address[..at], "sslmode=require", &address[at + setting.len()..]].concat();
                return (address, check);
            }
        }
    }
    (address.to_owned(), Check::AuthorityIfSet)
}

/// What makes TLS connections that ask `check` of the server's certificate.
pub fn connector(check: Check, authorities: Option<&Path>) -> Result<MakeRustlsConnect, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match (check, authorities) {
        (Check::AuthorityAndName, None) => Arc::new(Verifier::new(provider.clone())?),
        (Check::AuthorityAndName, Some(file)) => signed_by(file, &provider)?,
        (Check::Authority, None) => return Err(TlsError::NoAuthorities),
        (Check::Authority | Check::AuthorityIfSet, Some(file)) => {
            Arc::new(AnyName { authorities: Some(signed_by(file, &provider)?), provider: provider.clone() })
        }
        (Check::AuthorityIfSet, None) => Arc::new(AnyName { authorities: None, provider: provider.clone() }),
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn signed_by(file: &Path, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, TlsError> {
    let unreadable = |source| TlsError::File { file: file.to_owned(), source };
    let unusable = |reason: String| TlsError::Authorities { file: file.to_owned(), reason };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(unreadable)? {
        roots.add(certificate.map_err(unreadable)?).map_err(|error| unusable(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unusable("no certificate in it".into()));
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone()).build();
    verifier.map_err(|error| unusable(error.to_string()))
}

/// Accepts a server of any name: signed by one of the authorities, or, without them, whatever it shows.
#[derive(Debug)]
struct AnyName {
    authorities: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, RustlsError> {
        let Some(authorities) = &self.authorities else { return Ok(ServerCertVerified::assertion()) };
        match authorities.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is looked at when the signatures are found good.
            Err(RustlsError::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_is_split_from_addresses_of_both_kinds() {
        for (address, left, check) in [
            ("postgres://a@h/d?sslmode=verify-full", "postgres://a@h/d?sslmode=require", Check::AuthorityAndName),
            (
                "postgres://a@h,i/d?x=y&sslmode=verify-ca&z=1",
                "postgres://a@h,i/d?x=y&sslmode=require&z=1",
                Check::Authority,
            ),
            ("host=h sslmode=verify-full user=a", "host=h sslmode=require user=a", Check::AuthorityAndName),
            ("sslmode=verify-ca", "sslmode=require", Check::Authority),
            ("postgres://a@h/d?sslmode=require", "postgres://a@h/d?sslmode=require", Check::AuthorityIfSet),
            ("postgres://a@h/d", "postgres://a@h/d", Check::AuthorityIfSet),
            // No parameter of that name or value.
            ("postgres://a@h/d?xsslmode=verify-full", "postgres://a@h/d?xsslmode=verify-full", Check::AuthorityIfSet),
            ("postgres://a@h/d?sslmode=verify-fully", "postgres://a@h/d?sslmode=verify-fully", Check::AuthorityIfSet),
        ] {
            assert_eq!(split_check(address), (left.to_owned(), check), "{address}");
        }
    }

    #[test]
    fn a_file_of_authorities_that_cannot_be_used_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.crt");
        let error = || connector(Check::AuthorityAndName, Some(&file)).map(|_| ()).unwrap_err().to_string();
        assert!(error().contains("ca.crt"), "{}", error());
        std::fs::write(&file, "no certificate").unwrap();
        assert!(error().ends_with("ca.crt: no certificate in it"), "{}", error());
        std::fs::write(&file, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        assert!(error().contains("ca.crt: invalid peer certificate"), "{}", error());
    }

    #[test]
    fn a_check_of_the_authority_needs_one() {
        assert!(matches!(connector(Check::Authority, None), Err(TlsError::NoAuthorities)));
        connector(Check::AuthorityIfSet, None).unwrap();
    }
}
