using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Microsoft.Extensions.Logging;
using ErrorCode = Confluent.Kafka.ErrorCode;

namespace EmoStream.Streaming.Kafka.Reading;

/// <summary>What the provider asks the cluster about its topics: makes them if they are missing, counts partitions, tells the topic's id.</summary>
internal sealed partial class KafkaTopics(KafkaStreamOptions options, TimeProvider time, ILogger<KafkaTopics> logger)
{
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(250);

    /// <summary>Stands in for the topic's id on brokers that have none: dedupe by offset then holds within this process only.</summary>
    private static readonly string ProcessId = Guid.NewGuid().ToString("n");

    /// <summary>The number of partitions, once the topic is there; fails after <see cref="KafkaStreamOptions.StartTimeout"/>.</summary>
    public async Task<int> GetPartitionsAsync(CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(options.StartTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        using var admin = Admin();
        var create = options.CreateTopics;
        var last = "no answer";
        try
        {
            while (true)
            {
                either.Token.ThrowIfCancellationRequested();
                try
                {
                    // 1 topics that exist are left as they are
                    var topic = await FindAsync(admin, options.Topic);
                    if (topic is { Partitions: > 0 } && (!create || await FindAsync(admin, options.DeadLetterTopic) is not null))
                    {
                        return topic.Value.Partitions;
                    }
                    // 2 what is missing is created, once
                    if (create)
                    {
                        create = false;
                        await CreateAsync(admin);
                        continue;
                    }
                    // 3 a broker that cannot be asked to create may do it when somebody asks for the metadata
                    if (options.CreateTopics)
                    {
                        await Task.Run(() => admin.GetMetadata(options.Topic, RequestTimeout), either.Token);
                    }
                    last = "the topic does not exist";
                }
                catch (KafkaException e)
                {
                    last = e.Error.Code.ToString();
                    LogWaiting(options.Topic, e.Error.Code);
                }
                await Task.Delay(RetryDelay, time, either.Token);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"Kafka topic {options.Topic} is not available after {options.StartTimeout}: {last}.");
        }
    }

    /// <summary>The source that tokens carry: <c>topicId/partition</c>. Blocks; called on the reader's own thread.</summary>
    public string Source(int partition)
    {
        using var admin = Admin();
        var topic = FindAsync(admin, options.Topic).GetAwaiter().GetResult();
        return $"{topic?.Id ?? ProcessId}/{partition}";
    }

    /// <summary>Looks a topic up without creating it; the answer of a broker that is not ready yet throws.</summary>
    private static async Task<(int Partitions, string? Id)?> FindAsync(IAdminClient admin, string topic)
    {
        try
        {
            var result = await admin.DescribeTopicsAsync(
                TopicCollection.OfTopicNames([topic]), new DescribeTopicsOptions { RequestTimeout = RequestTimeout }).ConfigureAwait(false);
            var description = result.TopicDescriptions[0];
            var hasId = description.TopicId is { } id && (id.MostSignificantBits != 0 || id.LeastSignificantBits != 0);
            return (description.Partitions.Count, hasId ? description.TopicId.ToString() : null);
        }
        catch (DescribeTopicsException e) when (e.Results.TopicDescriptions[0].Error.Code == ErrorCode.UnknownTopicOrPart)
        {
            return null;
        }
    }

    private async Task CreateAsync(IAdminClient admin)
    {
        foreach (var name in new[] { options.Topic, options.DeadLetterTopic })
        {
            var specification = new TopicSpecification
            {
                Name = name,
                NumPartitions = options.Partitions,
                ReplicationFactor = options.ReplicationFactor,
            };
            try
            {
                await admin.CreateTopicsAsync([specification], new CreateTopicsOptions { RequestTimeout = RequestTimeout });
                LogCreated(name, options.Partitions);
            }
            catch (CreateTopicsException e) when (e.Results[0].Error.Code == ErrorCode.TopicAlreadyExists)
            {
            }
            catch (KafkaException e)
            {
                // No right to create, or a broker without that request: the topic may come about otherwise.
                LogNotCreated(name, e.Error.Code);
            }
        }
    }

    private IAdminClient Admin() => new AdminClientBuilder(KafkaStreamContext.Common(options))
        .SetErrorHandler((_, _) => { })
        .SetLogHandler((_, _) => { })
        .Build();

    [LoggerMessage(LogLevel.Information, "Topic {Topic} created with {Partitions} partitions.")]
    private partial void LogCreated(string topic, int partitions);

    [LoggerMessage(LogLevel.Warning, "Topic {Topic} could not be created: {Error}.")]
    private partial void LogNotCreated(string topic, ErrorCode error);

    [LoggerMessage(LogLevel.Warning, "Waiting for topic {Topic}: {Error}.")]
    private partial void LogWaiting(string topic, ErrorCode error);
}
