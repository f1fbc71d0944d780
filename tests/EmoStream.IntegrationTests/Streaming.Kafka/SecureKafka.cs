using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using EmoStream.Testing.Kafka;
using EmoStream.Testing.Processes;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <summary>One broker with a listener for each kind of client: SCRAM-SHA-512, TLS by an authority made for the test, and both.</summary>
public sealed class SecureKafka : IAsyncLifetime
{
    public const string User = "orders";
    public const string Password = "only-for-this-test";

    private readonly DirectoryInfo _files = Directory.CreateTempSubdirectory("emostream-tls-");
    private readonly SemaphoreSlim _starting = new(1);
    private readonly int[] _ports = [FreePorts.Take(), FreePorts.Take(), FreePorts.Take()];
    private KafkaBroker? _broker;

    /// <summary>The authority's certificate, in PEM.</summary>
    public string AuthorityFile => Path.Combine(_files.FullName, "ca.pem");

    public Task<string> SaslAsync() => AddressAsync(0);

    public Task<string> TlsAsync() => AddressAsync(1);

    public Task<string> SaslTlsAsync() => AddressAsync(2);

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        _starting.Dispose();
        if (_broker is not null)
        {
            await _broker.DisposeAsync();
        }
        _files.Delete(recursive: true);
    }

    private async Task<string> AddressAsync(int listener)
    {
        Assert.SkipUnless(KafkaBroker.Unkillable is null, KafkaBroker.Unavailable ?? "needs a broker with listeners of its own: set KAFKA_HOME instead of KAFKA_BOOTSTRAP");
        await _starting.WaitAsync(TestContext.Current.CancellationToken);
        try
        {
            _broker ??= await StartAsync();
        }
        finally
        {
            _starting.Release();
        }
        return $"127.0.0.1:{_ports[listener]}";
    }

    private async Task<KafkaBroker> StartAsync()
    {
        const string storePassword = "changeit";
        var store = Path.Combine(_files.FullName, "broker.p12");
        Certify(store, storePassword);
        var listeners = $"SASL_PLAINTEXT://127.0.0.1:{_ports[0]},SSL://127.0.0.1:{_ports[1]},SASL_SSL://127.0.0.1:{_ports[2]}";
        const string scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
        var broker = await KafkaBroker.StartAsync(
            $$"""
            listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},{{listeners}}
            advertised.listeners=PLAINTEXT://127.0.0.1:{port},{{listeners}}
            listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL
            sasl.enabled.mechanisms=SCRAM-SHA-512
            listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config={{scram}}
            listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config={{scram}}
            ssl.keystore.type=PKCS12
            ssl.keystore.location={{store}}
            ssl.keystore.password={{storePassword}}
            ssl.key.password={{storePassword}}

            """,
            cancellationToken: TestContext.Current.CancellationToken);
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = broker.BootstrapServers }).Build();
        await admin.AlterUserScramCredentialsAsync(
        [
            new UserScramCredentialUpsertion
            {
                User = User,
                ScramCredentialInfo = new() { Mechanism = ScramMechanism.ScramSha512, Iterations = 4096 },
                Password = Encoding.UTF8.GetBytes(Password),
            },
        ]);
        return broker;
    }

    private void Certify(string store, string storePassword)
    {
        var (from, until) = (TimeProvider.System.GetUtcNow().AddDays(-1), TimeProvider.System.GetUtcNow().AddDays(1));
        using var authorityKey = RSA.Create(2048);
        var request = new CertificateRequest("CN=authority of a test", authorityKey, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        using var authority = request.CreateSelfSigned(from.AddDays(-1), until.AddDays(1));
        File.WriteAllText(AuthorityFile, authority.ExportCertificatePem());

        using var key = RSA.Create(2048);
        request = new CertificateRequest("CN=broker of a test", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.Create(authority, from, until, [1]);
        using var withKey = certificate.CopyWithPrivateKey(key);
        // Without its key: a broker that had two would show whichever comes first.
        using var publicPart = X509CertificateLoader.LoadCertificate(authority.RawData);
        File.WriteAllBytes(store, new X509Certificate2Collection { withKey, publicPart }.Export(X509ContentType.Pkcs12, storePassword)!);
    }
}
