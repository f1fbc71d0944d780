using Xunit;

namespace EmoStream.Testing.Kafka;

/// <summary>
/// One broker for all tests of an assembly, a topic per test. Declare it with
/// <c>[assembly: AssemblyFixture(typeof(KafkaFixture))]</c> and take it as a constructor parameter. The broker starts
/// at first use; a test that must kill its broker starts its own.
/// </summary>
public sealed class KafkaFixture : IAsyncLifetime
{
    private readonly SemaphoreSlim _starting = new(1);
    private KafkaBroker? _broker;

    /// <summary>The broker; skips the calling test, with the reason, where there is no Kafka.</summary>
    public async Task<KafkaBroker> BrokerAsync()
    {
        Assert.SkipUnless(KafkaBroker.Unavailable is null, KafkaBroker.Unavailable ?? "");
        await _starting.WaitAsync();
        try
        {
            return _broker ??= await KafkaBroker.StartAsync();
        }
        finally
        {
            _starting.Release();
        }
    }

    /// <summary>A new topic with a name of its own.</summary>
    public async Task<string> CreateTopicAsync(int partitions = 1, Dictionary<string, string>? configuration = null)
    {
        var broker = await BrokerAsync();
        var name = $"test-{Guid.NewGuid():N}";
        await broker.CreateTopicAsync(name, partitions, configuration);
        return name;
    }

    /// <inheritdoc />
    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        _starting.Dispose();
        if (_broker is not null)
        {
            await _broker.DisposeAsync();
        }
    }
}
