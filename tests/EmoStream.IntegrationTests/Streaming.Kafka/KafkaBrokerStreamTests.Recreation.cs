using System.Text;
using EmoStream.Streaming.Kafka;
using EmoStream.Testing;
using EmoStream.Testing.Kafka;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <content>A topic that is deleted and created again counts from 0 again.</content>
public sealed partial class KafkaBrokerStreamTests
{
    [Fact]
    public async Task Start_TopicWasRecreated_OtherSourceFromOffsetZero()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        var broker = await kafka.BrokerAsync();
        using var producer = Producer(servers);
        Send(producer, topic, "s", "old");
        producer.Flush(Eventually.Timeout);
        var probe = new Probe();
        await using (var host = await HostAsync(servers, topic, probe))
        {
            await probe.Until(p => p.Count == 1);
        }
        await RecreateAsync(broker, topic);
        using var again = Producer(servers);
        Send(again, topic, "s", "new");
        again.Flush(Eventually.Timeout);
        await using var next = await HostAsync(servers, topic, probe);
        await probe.Until(p => p.Count == 2);
        Assert.Equal([("old", 0L), ("new", 0L)], probe.Taken["s"]);
        Assert.Equal(2, probe.Sources.Count);
    }

    [Fact]
    public async Task Recreated_OldEventsNotDone_CommitNothingForTheNewTopic()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        var broker = await kafka.BrokerAsync();
        var probe = new Probe { Before = (stream, _) => stream.StartsWith("ill", StringComparison.Ordinal) ? throw new InvalidOperationException("ill") : Task.CompletedTask };
        await using (var host = await HostAsync(servers, topic, probe))
        {
            using (var producer = Producer(servers))
            {
                Send(producer, topic, "well", "old 0");
                Send(producer, topic, "ill old", "old 1");
                Send(producer, topic, "well", "old 2");
                producer.Flush(Eventually.Timeout);
            }
            await probe.Until(p => p.ValuesOf("well").Count == 2);
            await CommittedAsync(servers, topic, 0, 1);
            await RecreateAsync(broker, topic);
            using (var producer = Producer(servers))
            {
                Send(producer, topic, "ill new", "new 0");
                Send(producer, topic, "well", "new 1");
                producer.Flush(Eventually.Timeout);
            }
            await probe.Until(p => p.ValuesOf("well").Count == 3);
            await host.StopAsync();
        }
        await CommittedAsync(servers, topic, 0, 0);

        await using var next = await HostAsync(servers, topic);
        await next.Probe.Until(p => p.Count == 2);
        Assert.Equal(["new 0"], next.Probe.ValuesOf("ill new"));
        Assert.Equal(["new 1"], next.Probe.ValuesOf("well"));
        await CommittedAsync(servers, topic, 0, 2);
    }

    [Fact]
    public async Task Recreated_AlreadyLongerThanBefore_ReadFromTheBeginning()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        var broker = await kafka.BrokerAsync();
        await using var host = await HostAsync(servers, topic, configure: o => o.TopicCheckInterval = TimeSpan.FromMilliseconds(100));
        using (var producer = Producer(servers))
        {
            Send(producer, topic, "old", "0");
            Send(producer, topic, "old", "1");
            producer.Flush(Eventually.Timeout);
        }
        await host.Probe.Until(p => p.Count == 2);
        await RecreateAsync(broker, topic);
        using (var producer = Producer(servers))
        {
            for (var i = 0; i < 10; i++)
            {
                Send(producer, topic, "new", $"{i}");
            }
            producer.Flush(Eventually.Timeout);
        }
        await host.Probe.Until(p => p.ValuesOf("new").Distinct().Count() == 10);
        await CommittedAsync(servers, topic, 0, 10);
        Assert.Equal(2, host.Probe.Sources.Count);
    }

    /// <summary>The same offset twice in one stream: of the former topic's record nothing is left, and the new one's is its own.</summary>
    [Fact]
    public async Task Recreated_StreamGivenUpWithEventsOfBoth_TwoLettersEachWithItsOwnValue()
    {
        var (servers, topic) = (await ServersAsync(), await TopicAsync(1));
        var broker = await kafka.BrokerAsync();
        var refuse = new TaskCompletionSource();
        var probe = new Probe
        {
            Before = async (stream, _) =>
            {
                if (stream == "ill")
                {
                    await refuse.Task.WaitAsync(TestContext.Current.CancellationToken);
                    throw new InvalidOperationException("ill");
                }
            },
        };
        await using var host = await HostAsync(servers, topic, probe, o =>
        {
            RetryFast(o);
            o.TopicCheckInterval = TimeSpan.FromMilliseconds(100);
        });
        foreach (var life in (string[])["old", "new"])
        {
            using (var producer = Producer(servers))
            {
                Send(producer, topic, "ill", life);
                Send(producer, topic, "well", life);
                producer.Flush(Eventually.Timeout);
            }
            await probe.Until(p => p.ValuesOf("well").Contains(life));
            if (life == "old")
            {
                await RecreateAsync(broker, topic);
            }
        }
        refuse.SetResult();

        var letters = await ReadAsync(servers, topic + ".dlq", 2);
        Assert.All(letters, letter => Assert.Equal("0", Header(letter, DeadLetterHeaders.Offset)));
        Assert.Equal([null, "new"], letters.Select(letter => letter.Message.Value is { } value ? Encoding.UTF8.GetString(value) : null).Order());
        await CommittedAsync(servers, topic, 0, 2);
    }

    private static async Task RecreateAsync(KafkaBroker broker, string topic)
    {
        await broker.DeleteTopicAsync(topic);
        await broker.CreateTopicAsync(topic, 1);
    }
}
