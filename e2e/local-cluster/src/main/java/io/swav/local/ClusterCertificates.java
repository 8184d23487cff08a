package io.swav.local;

import java.io.IOException;
import java.io.StringWriter;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.SecureRandom;
import java.security.spec.ECGenParameterSpec;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Base64;
import java.util.Date;
import java.util.HexFormat;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.cert.X509v3CertificateBuilder;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.util.io.pem.PemObject;
import org.bouncycastle.util.io.pem.PemWriter;

/**
 * The keys of a local cluster, in a folder that only its owner can read: a certificate authority, the API server's
 * certificate for 127.0.0.1, the key that signs service account tokens, and the administrator's bearer token. An authority
 * of its own signs etcd's certificate and that of its only client, the API server. The keys of authorities are not kept.
 */
record ClusterCertificates(Path dir) {
    private static final SecureRandom RANDOM = new SecureRandom();

    /** The keys in {@code dir}; generates them if they do not exist. */
    static ClusterCertificates in(Path dir) {
        ClusterCertificates pki = new ClusterCertificates(dir);
        try {
            PrivateFiles.folder(dir);
            if (!Files.exists(pki.tokens())) { // written last
                pki.generate();
            }
            if (!pki.hasEtcd()) {
                pki.generateEtcd();
            }
        } catch (IOException | GeneralSecurityException | OperatorCreationException e) {
            throw new LocalClusterException("cannot generate the cluster's keys in " + dir + ": " + e, e);
        }
        return pki;
    }

    Path authority() {
        return dir.resolve("ca.crt");
    }

    Path serverCertificate() {
        return dir.resolve("apiserver.crt");
    }

    Path serverKey() {
        return dir.resolve("apiserver.key");
    }

    Path accountKey() {
        return dir.resolve("service-accounts.key");
    }

    Path accountPublicKey() {
        return dir.resolve("service-accounts.pub");
    }

    /** The API server's token file, with lines of token,user,uid,groups. */
    Path tokens() {
        return dir.resolve("tokens.csv");
    }

    /** Whether this version's etcd has keys here; an earlier version ran etcd without. */
    boolean hasEtcd() {
        return Files.exists(etcdClientKey()); // written last
    }

    Path etcdAuthority() {
        return dir.resolve("etcd-ca.crt");
    }

    Path etcdCertificate() {
        return dir.resolve("etcd.crt");
    }

    Path etcdKey() {
        return dir.resolve("etcd.key");
    }

    Path etcdClientCertificate() {
        return dir.resolve("etcd-client.crt");
    }

    Path etcdClientKey() {
        return dir.resolve("etcd-client.key");
    }

    private Path adminToken() {
        return dir.resolve("admin.token");
    }

    /** A kubeconfig for the administrator (group system:masters). */
    String adminKubeconfig(String server) {
        try {
            return kubeconfig(
                    server, Files.readString(authority()), "admin", Files.readString(adminToken()), "default");
        } catch (IOException e) {
            throw new LocalClusterException("cannot read " + dir + ": " + e, e);
        }
    }

    static String kubeconfig(String server, String authorityPem, String user, String token, String namespace) {
        return """
                apiVersion: v1
                kind: Config
                clusters:
                - name: swav
                  cluster:
                    server: %s
                    certificate-authority-data: %s
                users:
                - name: %s
                  user:
                    token: %s
                contexts:
                - name: swav
                  context:
                    cluster: swav
                    user: %s
                    namespace: %s
                current-context: swav
                """.formatted(
                        server,
                        Base64.getEncoder().encodeToString(authorityPem.getBytes(StandardCharsets.UTF_8)),
                        user,
                        token,
                        user,
                        namespace);
    }

    private void generate() throws IOException, GeneralSecurityException, OperatorCreationException {
        KeyPair authority = newKey();
        KeyPair server = newKey();
        KeyPair accounts = newKey();
        X500Name authorityName = new X500Name("CN=swav-local-ca");

        writePem(authority(), "CERTIFICATE", root(authorityName, authority));
        writePem(
                serverCertificate(),
                "CERTIFICATE",
                leaf("kube-apiserver", server, authorityName, authority, KeyPurposeId.id_kp_serverAuth));
        writePem(serverKey(), "PRIVATE KEY", server.getPrivate().getEncoded());

        writePem(accountKey(), "PRIVATE KEY", accounts.getPrivate().getEncoded());
        writePem(accountPublicKey(), "PUBLIC KEY", accounts.getPublic().getEncoded());

        byte[] secret = new byte[32];
        RANDOM.nextBytes(secret);
        String token = HexFormat.of().formatHex(secret);
        PrivateFiles.write(adminToken(), token);
        PrivateFiles.write(tokens(), token + ",admin,admin,\"system:masters\"\n");
    }

    private void generateEtcd() throws IOException, GeneralSecurityException, OperatorCreationException {
        KeyPair authority = newKey();
        KeyPair etcd = newKey();
        KeyPair client = newKey();
        X500Name authorityName = new X500Name("CN=swav-local-etcd-ca");
        writePem(etcdAuthority(), "CERTIFICATE", root(authorityName, authority));
        // etcd calls itself, too
        writePem(
                etcdCertificate(),
                "CERTIFICATE",
                leaf(
                        "etcd",
                        etcd,
                        authorityName,
                        authority,
                        KeyPurposeId.id_kp_serverAuth,
                        KeyPurposeId.id_kp_clientAuth));
        writePem(etcdKey(), "PRIVATE KEY", etcd.getPrivate().getEncoded());
        writePem(
                etcdClientCertificate(),
                "CERTIFICATE",
                leaf("kube-apiserver", client, authorityName, authority, KeyPurposeId.id_kp_clientAuth));
        writePem(etcdClientKey(), "PRIVATE KEY", client.getPrivate().getEncoded());
    }

    private static byte[] root(X500Name name, KeyPair key) throws OperatorCreationException, IOException {
        X509v3CertificateBuilder root = certificate(name, name, key);
        root.addExtension(Extension.basicConstraints, true, new BasicConstraints(true));
        root.addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.keyCertSign | KeyUsage.cRLSign));
        return signed(root, key);
    }

    private static byte[] leaf(
            String name, KeyPair key, X500Name authorityName, KeyPair authority, KeyPurposeId... purposes)
            throws OperatorCreationException, IOException {
        X509v3CertificateBuilder leaf = certificate(authorityName, new X500Name("CN=" + name), key);
        leaf.addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.digitalSignature));
        leaf.addExtension(Extension.extendedKeyUsage, false, new ExtendedKeyUsage(purposes));
        leaf.addExtension(Extension.subjectAlternativeName, false, new GeneralNames(new GeneralName[] {
            new GeneralName(GeneralName.iPAddress, "127.0.0.1"),
            new GeneralName(GeneralName.dNSName, "localhost"),
            new GeneralName(GeneralName.dNSName, "kubernetes.default.svc")
        }));
        return signed(leaf, authority);
    }

    private static KeyPair newKey() throws GeneralSecurityException {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(new ECGenParameterSpec("secp256r1"));
        return generator.generateKeyPair();
    }

    private static X509v3CertificateBuilder certificate(X500Name issuer, X500Name subject, KeyPair key) {
        Instant now = Instant.now();
        return new JcaX509v3CertificateBuilder(
                issuer,
                new BigInteger(64, RANDOM),
                Date.from(now.minus(1, ChronoUnit.HOURS)),
                Date.from(now.plus(3650, ChronoUnit.DAYS)),
                subject,
                key.getPublic());
    }

    private static byte[] signed(X509v3CertificateBuilder certificate, KeyPair issuer)
            throws OperatorCreationException, IOException {
        return certificate
                .build(new JcaContentSignerBuilder("SHA256withECDSA").build(issuer.getPrivate()))
                .getEncoded();
    }

    private static void writePem(Path file, String type, byte[] der) throws IOException {
        StringWriter text = new StringWriter();
        try (PemWriter writer = new PemWriter(text)) {
            writer.writeObject(new PemObject(type, der));
        }
        PrivateFiles.write(file, text.toString());
    }
}
