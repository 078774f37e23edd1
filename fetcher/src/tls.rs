//! TLS to PostgreSQL, with the meaning that libpq gives sslmode.

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

/// Why the TLS settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file of certificate authorities cannot be read.
    #[error("DB_CA_FILE {file}: {source}")]
    File {
        /// The file.
        file: PathBuf,
        /// The reason.
        source: pem::Error,
    },
    /// A certificate authority in the file cannot be used.
    #[error("DB_CA_FILE {file}: {source}")]
    Authority {
        /// The file.
        file: PathBuf,
        /// The reason.
        source: RustlsError,
    },
    /// The file contains no certificate.
    #[error("DB_CA_FILE {0}: no certificate in it")]
    Empty(PathBuf),
    /// `verify-ca` without a file of certificate authorities.
    #[error(
        "sslmode=verify-ca needs DB_CA_FILE, as the system's authorities sign certificates for anyone; or use sslmode=verify-full"
    )]
    NoAuthorities,
    /// The TLS library or the system's certificate authorities cannot be used.
    #[error("TLS: {0}")]
    Setup(#[from] RustlsError),
}

/// What the server's certificate must fulfil.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Signed by an authority of DB_CA_FILE if that is set; otherwise no requirement, only encryption.
    AuthorityIfSet,
    /// Signed by an authority of DB_CA_FILE.
    Authority,
    /// Signed by an authority of DB_CA_FILE, or else of the system, and issued for the host.
    AuthorityAndName,
}

/// Replaces `sslmode=verify-ca` and `verify-full`, which the PostgreSQL client does not support, with `require` in an address;
/// returns the address and the check.
pub fn split_check(address: &str) -> (String, Check) {
    for (mode, check) in [("verify-full", Check::AuthorityAndName), ("verify-ca", Check::Authority)] {
        let setting = format!("sslmode={mode}");
        for (at, _) in address.match_indices(&setting) {
            // A complete parameter of a URL or of a list of settings.
            let (before, after) = (address[..at].chars().next_back(), address[at + setting.len()..].chars().next());
            if before.is_none_or(|sign| "?& ".contains(sign)) && after.is_none_or(|sign| "& ".contains(sign)) {
                let address = [&address[..at], "sslmode=require", &address[at + setting.len()..]].concat();
                return (address, check);
            }
        }
    }
    (address.to_owned(), Check::AuthorityIfSet)
}

/// Makes TLS connections that require `check` of the server's certificate.
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
    let unusable = |source| TlsError::Authority { file: file.to_owned(), source };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(unreadable)? {
        roots.add(certificate.map_err(unreadable)?).map_err(unusable)?;
    }
    if roots.is_empty() {
        return Err(TlsError::Empty(file.to_owned()));
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone()).build();
    verifier.map_err(|error| unusable(RustlsError::General(error.to_string())))
}

/// Accepts a server of any name if one of the authorities signed its certificate; without authorities, any certificate.
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
            // The name is only checked once the signatures have been verified.
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
    fn the_check_is_split_from_both_forms_of_address() {
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
            // Not a parameter of that name or value.
            ("postgres://a@h/d?xsslmode=verify-full", "postgres://a@h/d?xsslmode=verify-full", Check::AuthorityIfSet),
            ("postgres://a@h/d?sslmode=verify-fully", "postgres://a@h/d?sslmode=verify-fully", Check::AuthorityIfSet),
        ] {
            assert_eq!(split_check(address), (left.to_owned(), check), "{address}");
        }
    }

    #[test]
    fn an_unusable_file_of_authorities_is_named() {
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
