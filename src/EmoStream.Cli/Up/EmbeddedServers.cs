namespace EmoStream.Cli.Up;

/// <summary>The servers that <c>up</c> starts itself because the command line names none.</summary>
internal sealed class EmbeddedServers : IDisposable
{
    private EmbeddedKafka? _kafka;
    private EmbeddedRedis? _redis;

    public required string Kafka { get; init; }

    public required string Redis { get; init; }

    public bool KafkaIsEmbedded => _kafka is not null;

    public bool RedisIsEmbedded => _redis is not null;

    /// <summary>Starts what is missing.</summary>
    public static EmbeddedServers Start(UpSettings settings)
    {
        EmbeddedKafka? kafka = null;
        EmbeddedRedis? redis = null;
        try
        {
            if (settings.Kafka is null)
            {
                kafka = EmbeddedKafka.Start();
                EmbeddedTopics.Create(kafka);
            }

            redis = settings.Redis is null ? EmbeddedRedis.Start() : null;
        }
        catch (Exception e)
        {
            kafka?.Dispose();
            redis?.Dispose();
            var cause = e is TypeInitializationException { InnerException: { } inner } ? inner : e;
            throw new UpException(cause.Message, "Name real servers with --kafka HOST:PORT and --redis HOST:PORT; emostream doctor tells more.");
        }

        return new EmbeddedServers
        {
            Kafka = settings.Kafka ?? kafka!.BootstrapServers,
            Redis = settings.Redis ?? redis!.ConnectionString,
            _kafka = kafka,
            _redis = redis,
        };
    }

    public void Dispose()
    {
        _kafka?.Dispose();
        _redis?.Dispose();
    }
}
