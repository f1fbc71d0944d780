using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Microsoft.Extensions.Logging;
using ErrorCode = Confluent.Kafka.ErrorCode;

namespace EmoStream.Streaming.Kafka.Reading;

/// <summary>What the provider asks the cluster about its topics: makes them if they are missing, counts partitions, tells the topic's id.</summary>
internal sealed partial class KafkaTopics : IDisposable
{
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(250);
    // Nobody waits for the answer but a silo that stops.
    private static readonly TimeSpan CountTimeout = TimeSpan.FromSeconds(2);

    /// <summary>Stands in for the topic's id on brokers that have none: dedupe by offset then holds within this process only.</summary>
    private static readonly string ProcessId = Guid.NewGuid().ToString("n");

    // One for all readers of the provider: an admin client has threads and connections of its own.
    private readonly Lazy<IAdminClient> _admin;
    private readonly KafkaStreamOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<KafkaTopics> _logger;
    private string? _said;
    private volatile string? _refused; // by the brokers, since they answered last

    public KafkaTopics(KafkaStreamOptions options, TimeProvider time, ILogger<KafkaTopics> logger)
    {
        (_options, _time, _logger) = (options, time, logger);
        _admin = new(Build);
    }

    /// <summary>
    /// The number of partitions, once the topic and those that the provider writes to are there; fails after
    /// <see cref="KafkaStreamOptions.StartTimeout"/>. Without a dead-letter topic the first event that nobody takes would stop its
    /// partition for ever.
    /// </summary>
    public async Task<int> GetPartitionsAsync(CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(_options.StartTimeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        var admin = _admin.Value;
        var patience = _options.StartTimeout < RequestTimeout ? _options.StartTimeout : RequestTimeout;
        var create = _options.CreateTopics && _options.UseAdminRequests;
        var refused = new Dictionary<string, ErrorCode>();
        var (topic, last) = (_options.Topic, "no answer");
        try
        {
            while (true)
            {
                either.Token.ThrowIfCancellationRequested();
                try
                {
                    // 1 topics that exist are left as they are
                    var found = await Task.Run(() => Partitions(admin, patience), either.Token);
                    var missing = Needed().FirstOrDefault(needed => found.GetValueOrDefault(needed.Name) == 0);
                    if (missing.Name is null && !create)
                    {
                        // Every reader will ask for the id: who cannot have it should know now.
                        await TopicIdAsync(patience).WaitAsync(either.Token);
                        await CheckParkingAsync(admin, patience).WaitAsync(either.Token);
                        return found[_options.Topic];
                    }
                    // 2 what is missing is created, once
                    if (create)
                    {
                        await CreateAsync(admin, patience, refused).WaitAsync(either.Token);
                        create = false;
                        continue;
                    }
                    // 3 a broker that could not be asked to create may do it when somebody asks for the metadata
                    topic = missing.Name!;
                    await Task.Run(() => admin.GetMetadata(topic, patience), either.Token);
                    var why = Missing(missing.Option, refused.TryGetValue(topic, out var code) ? code : null);
                    if (why == last)
                    {
                        Say(topic, why); // asking has not helped
                    }
                    last = why;
                }
                catch (KafkaException e)
                {
                    last = Why(e.Error.Code);
                    Say(topic, last);
                }
                await Task.Delay(RetryDelay, _time, either.Token);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"Kafka topic {topic} is not available at {_options.BootstrapServers} after {_options.StartTimeout}: {last}.");
        }
    }

    /// <summary>The number of partitions now; null when there is no answer. Blocks.</summary>
    public int? CountPartitions()
    {
        try
        {
            return Partitions(_admin.Value, _options.Topic, CountTimeout);
        }
        catch (KafkaException)
        {
            return null;
        }
    }

    /// <summary>The id that the topic has now; one that was deleted and created again has another.</summary>
    public Task<string> TopicIdAsync() => TopicIdAsync(RequestTimeout);

    private async Task<string> TopicIdAsync(TimeSpan timeout)
    {
        if (!_options.UseAdminRequests)
        {
            return ProcessId;
        }
        var result = await _admin.Value.DescribeTopicsAsync(
            TopicCollection.OfTopicNames([_options.Topic]), new DescribeTopicsOptions { RequestTimeout = timeout }).ConfigureAwait(false);
        var id = result.TopicDescriptions[0].TopicId;
        return id is null || (id.MostSignificantBits == 0 && id.LeastSignificantBits == 0) ? ProcessId : id.ToString();
    }

    /// <summary>What the client says of its connections.</summary>
    internal void Failed(ErrorCode code) => _refused = Refusal(code) ?? _refused;

    /// <summary>Why a request failed: requests only time out where a connection never comes about.</summary>
    internal string Why(ErrorCode code) => _refused ?? code.ToString();

    public void Dispose()
    {
        if (_admin.IsValueCreated)
        {
            _admin.Value.Dispose();
        }
    }

    /// <summary>Says once what it waits for.</summary>
    private void Say(string topic, string why)
    {
        if (why != _said)
        {
            _said = why;
            LogWaiting(topic, _options.BootstrapServers, why);
        }
    }

    /// <summary>The topics that there must be, and the options that name them.</summary>
    private IEnumerable<(string Name, string Option)> Needed()
    {
        yield return (_options.Topic, nameof(KafkaStreamOptions.Topic));
        yield return (_options.DeadLetterTopic, nameof(KafkaStreamOptions.DeadLetterTopic));
        if (_options.RetryDelays.Count > 0)
        {
            yield return (_options.ParkingTopic, nameof(KafkaStreamOptions.ParkingTopic));
        }
    }

    private string Missing(string option, ErrorCode? refusal)
    {
        if (refusal == ErrorCode.TopicAlreadyExists)
        {
            return "the topic exists, but the brokers do not show it: the right to describe it is missing";
        }
        var why = refusal is { } code ? $"creating it failed with {code}"
            : _options.CreateTopics ? "nobody created it"
            : $"{nameof(KafkaStreamOptions.CreateTopics)} is false";
        return $"the topic does not exist, and {why}. Create it, or name another one in {nameof(KafkaStreamOptions)}.{option}";
    }

    /// <summary>Never what the broker answered: nobody promises that it does not quote the credentials.</summary>
    public static string? Refusal(ErrorCode code) => code switch
    {
        ErrorCode.Local_Authentication or ErrorCode.SaslAuthenticationFailed =>
            $"{code}: the brokers refuse the credentials (sasl.* in {nameof(KafkaStreamOptions.ClientSettings)})",
        ErrorCode.Local_Ssl =>
            $"{code}: no TLS connection (ssl.* in {nameof(KafkaStreamOptions.ClientSettings)}; is the brokers' authority known, and their name right?)",
        _ => null,
    };

    private int Partitions(IAdminClient admin, string topic, TimeSpan timeout) => Partitions(admin, timeout).GetValueOrDefault(topic);

    /// <summary>Asks for all topics: to ask for one would create it, where the broker allows that, with its number of partitions.</summary>
    private Dictionary<string, int> Partitions(IAdminClient admin, TimeSpan timeout)
    {
        var metadata = admin.GetMetadata(timeout);
        _refused = null;
        return metadata.Topics.ToDictionary(found => found.Topic, found => found.Partitions.Count);
    }

    private async Task CreateAsync(IAdminClient admin, TimeSpan timeout, Dictionary<string, ErrorCode> refused)
    {
        foreach (var name in new[] { _options.Topic, _options.DeadLetterTopic, _options.ParkingTopic })
        {
            var isState = name == _options.ParkingTopic;
            if (await Task.Run(() => Partitions(admin, name, timeout)) > 0)
            {
                continue;
            }
            var specification = new TopicSpecification
            {
                Name = name,
                NumPartitions = isState ? 1 : _options.Partitions,
                ReplicationFactor = _options.ReplicationFactor,
                Configs = isState ? new() { ["cleanup.policy"] = "compact" } : null,
            };
            try
            {
                await admin.CreateTopicsAsync([specification], new CreateTopicsOptions { RequestTimeout = timeout });
                LogCreated(name, specification.NumPartitions);
            }
            catch (KafkaException e)
            {
                // No right to create, or a broker without that request: the topic may come about otherwise.
                refused[name] = e is CreateTopicsException { Results: [var result] } ? result.Error.Code : e.Error.Code;
                if (refused[name] != ErrorCode.TopicAlreadyExists)
                {
                    LogNotCreated(name, refused[name]);
                }
            }
        }
    }

    /// <summary>A topic that came about by itself forgets by age which streams are parked, and they would go on behind a gap.</summary>
    private async Task CheckParkingAsync(IAdminClient admin, TimeSpan timeout)
    {
        if (!_options.UseAdminRequests || _options.RetryDelays.Count == 0)
        {
            return;
        }
        try
        {
            var found = await admin.DescribeConfigsAsync(
                [new ConfigResource { Type = ResourceType.Topic, Name = _options.ParkingTopic }], new DescribeConfigsOptions { RequestTimeout = timeout });
            if (found[0].Entries.TryGetValue("cleanup.policy", out var policy) && policy.Value != "compact")
            {
                LogNotCompacted(_options.ParkingTopic, policy.Value);
            }
        }
        catch (KafkaException)
        {
            // Not there yet, or not ours to ask about.
        }
    }

    private IAdminClient Build() => new AdminClientBuilder(KafkaStreamContext.Common(_options))
        .SetErrorHandler((_, error) => Failed(error.Code))
        .SetLogHandler((_, _) => { })
        .Build();

    [LoggerMessage(LogLevel.Information, "Topic {Topic} created with {Partitions} partitions.")]
    private partial void LogCreated(string topic, int partitions);

    [LoggerMessage(LogLevel.Warning, "Topic {Topic} could not be created: {Error}.")]
    private partial void LogNotCreated(string topic, ErrorCode error);

    [LoggerMessage(LogLevel.Error, "Topic {Topic} has cleanup.policy {Policy}: it forgets which streams are parked. Set it to compact.")]
    private partial void LogNotCompacted(string topic, string policy);

    [LoggerMessage(LogLevel.Warning, "Waiting for topic {Topic} at {Servers}: {Error}.")]
    private partial void LogWaiting(string topic, string servers, string error);
}
