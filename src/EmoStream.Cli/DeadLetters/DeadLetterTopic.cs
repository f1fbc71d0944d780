using System.Globalization;
using System.Text;
using Confluent.Kafka;
using EmoStream.Cli.Input;
using EmoStream.Streaming.Kafka;
using EmoStream.Streaming.Kafka.DeadLetters;
using EmoStream.Streaming.Kafka.Reading;

namespace EmoStream.Cli.DeadLetters;

/// <summary>Reads and settles dead letters, and sends their records again.</summary>
internal sealed class DeadLetterTopic : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly KafkaStreamOptions _options;
    private readonly IProducer<byte[]?, byte[]?> _producer;
    private readonly Dictionary<string, int> _partitions;
    private readonly string? _parking;

    /// <summary>Connects.</summary>
    /// <param name="bootstrapServers">Where Kafka is.</param>
    /// <param name="deadLetters">The topic.</param>
    /// <param name="parking">The topic that says what is parked, whatever the letters name.</param>
    /// <param name="otherwise">The same, of letters that name none.</param>
    /// <exception cref="InputException">Kafka does not answer, or there is no such topic.</exception>
    public DeadLetterTopic(string bootstrapServers, string deadLetters, string? parking, string otherwise)
    {
        _parking = parking;
        // The group is asked for by the client and used for nothing: no offset is committed.
        _options = new() { BootstrapServers = bootstrapServers, DeadLetterTopic = deadLetters, ParkingTopic = otherwise, GroupId = "emostream-dlq" };
        KafkaEnvironment.CopySettingsTo(_options.ClientSettings);
        var config = KafkaStreamContext.ProducerConfig(_options);
        // One record a batch: one that Kafka refuses must not take its neighbours with it.
        config.BatchNumMessages = 1;
        string? refusal = null;
        try
        {
            _producer = new ProducerBuilder<byte[]?, byte[]?>(config).SetLogHandler((_, _) => { }).SetErrorHandler((_, error) => refusal = KafkaTopics.Refusal(error.Code) ?? refusal).Build();
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            throw new InputException($"A setting of EmoStream__Kafka__* is wrong: {e.Message}.");
        }

        try
        {
            using var admin = new DependentAdminClientBuilder(_producer.Handle).Build();
            _partitions = admin.GetMetadata(Patience).Topics.ToDictionary(topic => topic.Topic, topic => topic.Partitions.Count);
        }
        catch (KafkaException e)
        {
            _producer.Dispose();
            throw new InputException($"Kafka at {bootstrapServers} does not answer ({refusal ?? e.Error.Reason}); --kafka names another.");
        }

        if (!_partitions.ContainsKey(deadLetters))
        {
            _producer.Dispose();
            throw new InputException($"{bootstrapServers} has no topic {deadLetters}.");
        }
    }

    /// <summary>The letters that are not settled, in the order of their topic.</summary>
    /// <param name="keepValue">Whether to keep a letter's value in memory.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="read">What was read before; only what came since then is read now.</param>
    public List<DeadLetter> Read(Func<DeadLetter, bool> keepValue, CancellationToken cancellationToken, ReadLetters? read = null)
    {
        var (open, next) = read ?? new();
        for (var partition = 0; partition < _partitions[_options.DeadLetterTopic]; partition++)
        {
            PartitionScan.Read(
                _options,
                new(_options.DeadLetterTopic, partition),
                next.GetValueOrDefault(partition),
                record =>
                {
                    next[record.Partition] = record.Offset + 1;
                    if (SettledBy(record) is { } settled)
                    {
                        open.Remove((record.Partition, settled));
                        return true;
                    }

                    var letter = new DeadLetter(record);
                    open[(record.Partition, record.Offset)] = letter;
                    if (!keepValue(letter))
                    {
                        record.Message.Value = null;
                    }

                    return true;
                },
                cancellationToken);
        }

        return [.. open.Values];
    }

    /// <summary>Before the letters of parked streams are sent: with the wrong topic, none of them would seem to be parked.</summary>
    /// <exception cref="InputException">There is no topic that says what is parked, or another one was named than that of the letters and it knows nothing of them.</exception>
    public void RequireParking(List<DeadLetter> letters, CancellationToken cancellationToken)
    {
        if (letters.Select(ParkingOf).FirstOrDefault(topic => !_partitions.ContainsKey(topic)) is { } missing)
        {
            throw new InputException($"{_options.BootstrapServers} has no topic {missing}, which says what parked conversations wait for; --parking-topic names another.");
        }

        if (_parking is null || letters.TrueForAll(letter => letter.ParkingTopic == _parking))
        {
            return;
        }

        if (letters.Select(letter => letter.ParkingTopic).OfType<string>().Distinct().Take(2).ToArray() is [var one, var another])
        {
            throw new InputException($"The letters are of several deployments, which say in {one} and in {another} what is parked; without --parking-topic each is asked for its own.");
        }

        var known = new HashSet<string>();
        PartitionScan.Read(
            _options,
            new(_parking, 0),
            0,
            record =>
            {
                known.Add(Convert.ToHexString(ParkedState.Of(record.Message.Value) is null ? [] : record.Message.Key ?? []));
                return true;
            },
            cancellationToken);
        if (letters.Find(letter => !known.Contains(Convert.ToHexString(StateKeyOf(letter)))) is { } stranger)
        {
            throw new InputException($"{_parking} knows nothing of the parked conversation of letter {stranger.Place}, which names {stranger.ParkingTopic ?? "no topic"}; without --parking-topic that one is asked.");
        }
    }

    /// <summary>The topic that is asked whether a letter's stream is parked.</summary>
    public string ParkingOf(DeadLetter letter) => _parking ?? letter.ParkingTopic ?? _options.ParkingTopic;

    /// <summary>Whether Kafka has a topic. One that is not there must not come about by a letter that is sent to it, with as many partitions as the broker likes.</summary>
    public bool IsThere(string topic) => _partitions.ContainsKey(topic);

    /// <summary>The state of a letter's stream; null when it is not parked.</summary>
    public ParkedState? StateOf(DeadLetter letter, CancellationToken cancellationToken) =>
        LatestStateOf(letter, cancellationToken) is { Ended: false } parked ? parked : null;

    /// <summary>The same, also of a parking that has ended.</summary>
    public ParkedState? LatestStateOf(DeadLetter letter, CancellationToken cancellationToken)
    {
        if (_partitions.TryGetValue(letter.Topic, out var partitions) && letter.SourcePartition >= partitions)
        {
            return null; // the topic was created again with fewer partitions: nobody reads that one, and nothing waits in it
        }

        ParkedState? state = null;
        var key = StateKeyOf(letter);
        PartitionScan.Read(
            _options,
            new(ParkingOf(letter), 0),
            0,
            record =>
            {
                if (record.Message.Key.AsSpan().SequenceEqual(key))
                {
                    state = ParkedState.Of(record.Message.Value);
                }

                return true;
            },
            cancellationToken);
        return state;
    }

    /// <summary>Sends a letter's record to where it came from, as it was.</summary>
    /// <param name="letter">The letter.</param>
    /// <param name="parking">The parking that it is sent again for; null: it stands alone.</param>
    public Task SendAsync(DeadLetter letter, string? parking)
    {
        var headers = new Headers();
        foreach (var header in letter.OwnHeaders)
        {
            headers.Add(header.Key, header.GetValueBytes());
        }

        if (parking is not null)
        {
            Add(headers, DeadLetterHeaders.Redrive, parking);
            Add(headers, DeadLetterHeaders.RedriveOrigin, letter.Event);
        }

        return _producer.ProduceAsync(
            SourceOf(letter),
            new() { Key = letter.Record.Message.Key, Value = letter.Record.Message.Value, Headers = headers, Timestamp = new Timestamp(letter.SourceTimestamp, TimestampType.CreateTime) });
    }

    /// <summary>Behind the records that were sent again; takes nothing's place where the topic is compacted.</summary>
    public Task SendEndAsync(DeadLetter any, ParkedState state)
    {
        var headers = new Headers { { DeadLetterHeaders.RedriveStream, any.Stream } };
        Add(headers, DeadLetterHeaders.Redrive, state.Since);
        Add(headers, DeadLetterHeaders.RedriveEnd, state.Mark);
        return _producer.ProduceAsync(SourceOf(any), new() { Key = RedriveEnd.KeyOf(state), Value = [], Headers = headers });
    }

    /// <summary>Notes beside the letter, in its own partition, that it is done with.</summary>
    public Task SettleAsync(DeadLetter letter)
    {
        var headers = new Headers();
        Add(headers, DeadLetterHeaders.Settled, letter.Place.Offset.ToString(CultureInfo.InvariantCulture));
        return _producer.ProduceAsync(new TopicPartition(_options.DeadLetterTopic, letter.Place.Partition), new() { Headers = headers });
    }

    public void Dispose() => _producer.Dispose();

    /// <summary>The offset that a note is about; null for letters, whatever else their headers say: a note has neither value nor reason.</summary>
    private static long? SettledBy(ConsumeResult<byte[]?, byte[]?> record) =>
        record.Message.Value is null
        && DeadLetterHeaders.Bytes(record.Message.Headers, DeadLetterHeaders.Reason) is null
        && long.TryParse(DeadLetterHeaders.Text(record.Message.Headers, DeadLetterHeaders.Settled), NumberStyles.None, CultureInfo.InvariantCulture, out var offset)
            ? offset
            : null;

    /// <summary>
    /// The partition that it was in: who owns it knows whether the stream is parked, whoever chose the partition. Where there is
    /// none such, the one of its key, also for the end, which has another.
    /// </summary>
    private TopicPartition SourceOf(DeadLetter letter)
    {
        var (partition, count) = (letter.SourcePartition, _partitions.GetValueOrDefault(letter.Topic));
        return new(
            letter.Topic,
            partition >= 0 && partition < count ? partition
            : count > 0 && letter.Record.Message.Key is { Length: > 0 } key ? Murmur2.Partition(key, count)
            : Partition.Any);
    }

    private static byte[] StateKeyOf(DeadLetter letter) => ParkedState.KeyOf(letter.SourcePartition, letter.Stream);

    private static void Add(Headers headers, string name, string value) => headers.Add(name, Encoding.UTF8.GetBytes(value));
}

/// <summary>How far the dead-letter topic was read, and which letters were open there.</summary>
internal sealed class ReadLetters
{
    private readonly SortedDictionary<(int Partition, long Offset), DeadLetter> _open = [];
    private readonly Dictionary<int, long> _next = [];

    public void Deconstruct(out SortedDictionary<(int Partition, long Offset), DeadLetter> open, out Dictionary<int, long> next) => (open, next) = (_open, _next);
}
