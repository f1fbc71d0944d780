using System.Text;
using System.Text.Json;
using Confluent.Kafka;
using EmoStream.Streaming.Kafka;
using EmoStream.Streaming.Kafka.DeadLetters;

namespace EmoStream.Tests.Cli.DeadLetters;

/// <content>Letters of parked conversations, which go together and are followed by an end.</content>
public sealed partial class DlqCommandTests
{
    [Fact]
    public async Task Redrive_ParkedConversationAndNoSilo_SentInOrderOnceAndExitCodeSaysSo()
    {
        const string since = "id/0@3";
        await WriteStateAsync(since, "id/0@9", letters: 5);
        // Sent again before and refused again: lies last, goes first, and once also where it was read again from its first place. The
        // other copy is one of a crash.
        foreach (var (position, origin) in ((int, int)[])[(4, 4), (5, 5), (5, 5), (9, 3), (3, 3)])
        {
            await WriteAsync(
                ("reason", "r"), ("stream", "n/secret"), ("parked", since), ("position", $"id/0@{position}"), ("origin", $"id/0@{origin}"));
        }
        // Behind what the state names: a neighbour may still be missing.
        await WriteAsync(("reason", "r"), ("stream", "n/secret"), ("parked", since), ("position", "id/0@12"), ("origin", "id/0@12"));

        var (exitCode, output, _) = await RunAsync("redrive", "0:1", "--timeout", "1", "--json");
        Assert.Equal(1, exitCode);
        Assert.Contains("\"sent\":3", output, StringComparison.Ordinal);
        var sent = Read(new TopicPartition("t", 0));
        Assert.Equal(
            ["id/0@3", "id/0@4", "id/0@5", null],
            sent.Select(r => DeadLetterHeaders.Text(r.Message.Headers, DeadLetterHeaders.RedriveOrigin)));
        Assert.All(sent, r => Assert.Equal(since, DeadLetterHeaders.Text(r.Message.Headers, DeadLetterHeaders.Redrive)));
        Assert.Equal("id/0@9#5", DeadLetterHeaders.Text(sent[3].Message.Headers, DeadLetterHeaders.RedriveEnd));
        // No tombstone, and not in the place of the conversation's last record: the topic may be compacted, others read it, too.
        Assert.Empty(sent[3].Message.Value!);
        Assert.Equal("emostream-redrive-end/" + since, Encoding.UTF8.GetString(sent[3].Message.Key!));
        // The copies of the last one, which no silo has confirmed, and the one that was not sent.
        Assert.Equal(["0:1", "0:2", "0:5"], await LettersAsync());
    }

    [Fact]
    public async Task Redrive_EndNotAnswered_LastLetterStaysAndTheNextRedriveContinues()
    {
        await ParkAsync(0, 1);
        Assert.Equal(1, (await RunAsync("redrive", "--all", "--timeout", "1")).ExitCode);
        Assert.Equal(["0:1"], await LettersAsync());

        var silo = AnswerEndAsync(1, () => ProduceAsync("t.parked", new() { Key = "0/n/secret"u8.ToArray() }));
        var (exitCode, output, error) = await RunAsync("redrive", "--all", "--json");
        await silo;
        Assert.True(exitCode == 0, output + error);
        Assert.Equal("""{"sent":1,"skipped":0,"done":0,"conversations":1,"problems":[]}""", output.Trim());
        Assert.Empty(await LettersAsync());
        Assert.Equal(
            ["id/0@0", "id/0@1", null, "id/0@1", null],
            Read(new TopicPartition("t", 0)).Select(r => DeadLetterHeaders.Text(r.Message.Headers, DeadLetterHeaders.RedriveOrigin)));
    }

    /// <summary>The silo had the end later than the command waited for it: what the conversation got since must not be undone.</summary>
    [Fact]
    public async Task Redrive_ContinuedMeanwhile_LettersThatStayAreDoneAndNotSentOnceMore()
    {
        await ParkAsync(0, 1);
        await WriteAsync(("reason", "r"), ("stream", "n/secret"), ("parked", "id/0@9"), ("position", "id/0@9"), ("origin", "id/0@9"));
        var ended = new ParkedState("id/0@0", "id/0@0", 1, Letters: 2, Ranges: [new("id/0@0", "id/0@0", "id/0@1", EndedAt: "id/0@7")], Ended: true);
        await ProduceAsync("t.parked", new() { Key = "0/n/secret"u8.ToArray(), Value = ended.ToBytes() });

        var (exitCode, output, _) = await RunAsync("redrive", "--all", "--json");

        // The third is none of that parking.
        Assert.Equal((0, """{"sent":1,"skipped":0,"done":2,"conversations":1,"problems":[]}"""), (exitCode, output.Trim()));
        Assert.Single(Read(new TopicPartition("t", 0)));
        Assert.Empty(await LettersAsync());
    }

    [Fact]
    public async Task Redrive_ContinuedMeanwhileAndParkedAnew_OnlyTheLettersOfThatAreSent()
    {
        await ParkAsync(0, 1);
        const string since = "id/0@9";
        await WriteAsync(("reason", "r"), ("stream", "n/secret"), ("parked", since), ("position", since), ("origin", since));
        var state = new ParkedState(since, since, 1, Letters: 3, Ranges: [new("id/0@0", "id/0@0", "id/0@6", EndedAt: "id/0@7"), new(since, since, since)]);
        await ProduceAsync("t.parked", new() { Key = "0/n/secret"u8.ToArray(), Value = state.ToBytes() });

        var (exitCode, output, _) = await RunAsync("redrive", "--all", "--timeout", "1", "--json");

        Assert.Equal(1, exitCode);
        Assert.Contains("""{"sent":1,"skipped":0,"done":2""", output, StringComparison.Ordinal);
        Assert.Equal([since, null], Read(new TopicPartition("t", 0)).Select(r => DeadLetterHeaders.Text(r.Message.Headers, DeadLetterHeaders.RedriveOrigin)));
        Assert.Equal(["0:2"], await LettersAsync());
    }

    [Fact]
    public async Task Redrive_LastLetterSkippedAndEndNotAnswered_TheLastOneSentStays()
    {
        await ParkAsync(0, 1, 2);
        Assert.Equal(1, (await RunAsync("redrive", "--all", "--skip", "0:2", "--timeout", "1")).ExitCode);
        Assert.Equal(["0:1"], await LettersAsync());
    }

    /// <summary>After a crash an event has two letters.</summary>
    [Fact]
    public async Task Redrive_OneOfTwoCopiesSkipped_NeitherGoes()
    {
        await ParkAsync(0, 1, 1, 2);
        Assert.Equal(1, (await RunAsync("redrive", "--all", "--skip", "0:2", "--timeout", "1")).ExitCode);
        Assert.Equal(
            ["id/0@0", "id/0@2", null], Read(new TopicPartition("t", 0)).Select(r => DeadLetterHeaders.Text(r.Message.Headers, DeadLetterHeaders.RedriveOrigin)));
        Assert.Equal(["0:3"], await LettersAsync());
    }

    [Fact]
    public async Task Redrive_ParkedAnew_NoLetterOfTheFormerParkingStays()
    {
        await ParkAsync(0, 1);
        var silo = AnswerEndAsync(0, () => WriteStateAsync("id/0@2", "id/0@3"));
        var (exitCode, output, error) = await RunAsync("redrive", "--all");
        await silo;
        Assert.Equal(1, exitCode);
        Assert.Contains("parked anew", output + error, StringComparison.Ordinal);
        Assert.Empty(await LettersAsync());
    }

    [Fact]
    public async Task Redrive_LettersAreBeingWritten_NoneGoesBeforeTheStateNamesThem()
    {
        await WriteStateAsync("id/0@0", null);
        await WriteAsync(("reason", "r"), ("stream", "n/secret"), ("parked", "id/0@0"), ("position", "id/0@0"), ("origin", "id/0@0"));
        var (exitCode, output, error) = await RunAsync("redrive", "--all", "--timeout", "1");
        Assert.Equal(1, exitCode);
        Assert.Contains("is being parked", output + error, StringComparison.Ordinal);
        Assert.Empty(Read(new TopicPartition("t", 0)));
        Assert.Equal(["0:0"], await LettersAsync());

        await ParkAsync(1);
        var silo = AnswerEndAsync(0, () => ProduceAsync("t.parked", new() { Key = "0/n/secret"u8.ToArray() }));
        Assert.Equal(0, (await RunAsync("redrive", "--all")).ExitCode);
        await silo;
        Assert.Empty(await LettersAsync());
    }

    /// <summary>The topic has grown while the conversation was parked, or its key does not decide: each partition has a parking of its own.</summary>
    [Fact]
    public async Task Redrive_ConversationParkedInTwoPartitions_EachGetsItsLettersAndItsEnd()
    {
        foreach (var partition in (int[])[0, 1])
        {
            var position = $"id/{partition}@3";
            await WriteAsync(("reason", "r"), ("partition", $"{partition}"), ("stream", "n/secret"), ("parked", position), ("position", position), ("origin", position));
            await WriteStateAsync(position, position, partition: partition);
        }

        Assert.Equal(1, (await RunAsync("redrive", "0:1", "--timeout", "1")).ExitCode);
        Assert.Empty(Read(new TopicPartition("t", 0)));
        Assert.Equal(1, (await RunAsync("redrive", "--all", "--timeout", "1")).ExitCode);

        Assert.Equal(["id/0@3", null], Origins(0));
        Assert.Equal(["id/1@3", null, "id/1@3", null], Origins(1));
        Assert.All(Read(new TopicPartition("t", 1)), r => Assert.Equal("id/1@3", DeadLetterHeaders.Text(r.Message.Headers, DeadLetterHeaders.Redrive)));

        IEnumerable<string?> Origins(int partition) =>
            Read(new TopicPartition("t", partition)).Select(r => DeadLetterHeaders.Text(r.Message.Headers, DeadLetterHeaders.RedriveOrigin));
    }

    /// <summary>Both read the topic and write their letters to one; each has parked the conversation, one of them earlier.</summary>
    [Fact]
    public async Task Redrive_ConversationParkedByTwoDeployments_EachGetsItsLettersAndItsEnd()
    {
        foreach (var (group, offsets) in ((string, int[])[])[("blue", [3, 4]), ("green", [2, 3, 4])])
        {
            _kafka.CreateTopic($"t.{group}.parked", 1);
            var (since, last) = ($"{group}:id/0@{offsets[0]}", $"id/0@{offsets[^1]}");
            var state = new ParkedState(since, $"id/0@{offsets[0]}", 1, Letters: offsets.Length, Ranges: [new(since, $"id/0@{offsets[0]}", last)]);
            await ProduceAsync($"t.{group}.parked", new() { Key = "0/n/secret"u8.ToArray(), Value = state.ToBytes() });
            foreach (var offset in offsets)
            {
                await WriteAsync(
                    ("reason", "r"), ("stream", "n/secret"), ("parked", since), ("parking-topic", $"t.{group}.parked"), ("position", $"id/0@{offset}"), ("origin", $"id/0@{offset}"));
            }
        }

        Assert.Equal(1, (await RunAsync("redrive", "--all", "--timeout", "1")).ExitCode);

        Assert.Equal(
            ["blue:id/0@3 id/0@3", "blue:id/0@3 id/0@4", "blue:id/0@3 ", "green:id/0@2 id/0@2", "green:id/0@2 id/0@3", "green:id/0@2 id/0@4", "green:id/0@2 "],
            Read(new TopicPartition("t", 0)).Select(r => $"{DeadLetterHeaders.Text(r.Message.Headers, DeadLetterHeaders.Redrive)} {DeadLetterHeaders.Text(r.Message.Headers, DeadLetterHeaders.RedriveOrigin)}"));
        // The last of each, which no silo has confirmed.
        Assert.Equal(["0:1", "0:4"], await LettersAsync());

        // One topic cannot speak for both; what is left out of one deployment's letters is not of the other's.
        var (exitCode, _, error) = await RunAsync("redrive", "--all", "--parking-topic", "t.blue.parked");
        Assert.Equal(1, exitCode);
        Assert.Contains("several deployments", error, StringComparison.Ordinal);
        var before = Read(new TopicPartition("t", 0)).Count;
        Assert.Equal(1, (await RunAsync("redrive", "--all", "--skip", "0:1", "--timeout", "1")).ExitCode);
        Assert.Contains("id/0@4", Read(new TopicPartition("t", 0)).Skip(before).Select(r => DeadLetterHeaders.Text(r.Message.Headers, DeadLetterHeaders.RedriveOrigin)));
    }

    /// <summary>Of a silo before letters named the topic, and of one after it: one parking all the same.</summary>
    [Fact]
    public async Task Redrive_OnlyOneOfTwoLettersNamesTheParkingTopic_BothGoBeforeTheEnd()
    {
        await WriteStateAsync("id/0@3", "id/0@4", letters: 2);
        await WriteAsync(("reason", "r"), ("stream", "n/secret"), ("parked", "id/0@3"), ("position", "id/0@3"), ("origin", "id/0@3"));
        await WriteAsync(("reason", "r"), ("stream", "n/secret"), ("parked", "id/0@3"), ("position", "id/0@4"), ("origin", "id/0@4"), ("parking-topic", "t.parked"));

        Assert.Equal(1, (await RunAsync("redrive", "--all", "--timeout", "1")).ExitCode);

        Assert.Equal(
            ["id/0@3", "id/0@4", null], Read(new TopicPartition("t", 0)).Select(r => DeadLetterHeaders.Text(r.Message.Headers, DeadLetterHeaders.RedriveOrigin)));
    }

    /// <summary>A broker that makes topics by itself would make it, with as many partitions as it likes.</summary>
    [Fact]
    public async Task Redrive_TopicIsGone_SaidAndTheLettersStay()
    {
        await WriteStateAsync("id/0@3", "id/0@3");
        await WriteAsync(("reason", "r"), ("topic", "gone"), ("stream", "n/secret"), ("parked", "id/0@3"), ("position", "id/0@3"));

        var (exitCode, output, _) = await RunAsync("redrive", "--all", "--timeout", "1", "--json");

        Assert.Equal(1, exitCode);
        Assert.Contains("letter 0:0 came from gone, and Kafka has no such topic", output, StringComparison.Ordinal);
        Assert.Equal(["0:0"], await LettersAsync());

        Assert.Equal(0, (await RunAsync("redrive", "0:0", "--skip", "0:0", "--timeout", "1")).ExitCode);
        Assert.Empty(await LettersAsync());
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = _kafka.BootstrapServers }).Build();
        Assert.DoesNotContain(admin.GetMetadata(TimeSpan.FromSeconds(10)).Topics, topic => topic.Topic == "gone");
    }

    [Fact]
    public async Task Redrive_PartitionThatIsNoMore_LettersGoToTheirKeysAndWaitForNobody()
    {
        await WriteAsync(("reason", "r"), ("partition", "7"), ("stream", "n/secret"), ("parked", "id/7@0"), ("position", "id/7@0"), ("origin", "id/7@0"));
        await WriteStateAsync("id/7@0", "id/7@0", partition: 7);
        Assert.Equal(0, (await RunAsync("redrive", "--all")).ExitCode);
        Assert.Null(DeadLetterHeaders.Text(Assert.Single(Read(new TopicPartition("t", 1))).Message.Headers, DeadLetterHeaders.Redrive));
        Assert.Empty(await LettersAsync());
    }

    [Fact]
    public async Task Redrive_TopicCreatedAnewWhileParked_WhatItHadBeforeGoesFirst()
    {
        await WriteStateAsync("old/0@9", "new/0@3", letters: 2);
        foreach (var position in (string[])["old/0@9", "new/0@3"])
        {
            await WriteAsync(("reason", "r"), ("stream", "n/secret"), ("parked", "old/0@9"), ("position", position), ("origin", position));
        }
        Assert.Equal(1, (await RunAsync("redrive", "--all", "--timeout", "1")).ExitCode);
        Assert.Equal(
            ["old/0@9", "new/0@3", null], Read(new TopicPartition("t", 0)).Select(r => DeadLetterHeaders.Text(r.Message.Headers, DeadLetterHeaders.RedriveOrigin)));
    }

    [Fact]
    public async Task Redrive_LetterThatNamesAParkingTopic_ThatOneSaysWhatIsParked()
    {
        _kafka.CreateTopic("elsewhere", 1);
        await WriteStateAsync("id/0@3", "id/0@3", topic: "elsewhere");
        await WriteAsync(("reason", "r"), ("stream", "n/secret"), ("parked", "id/0@3"), ("position", "id/0@3"), ("parking-topic", "elsewhere"));

        // t.parked knows nothing of it: there, it would count as continued.
        Assert.Equal(1, (await RunAsync("redrive", "--all", "--timeout", "1")).ExitCode);
        Assert.Equal(2, Read(new TopicPartition("t", 0)).Count);
    }

    /// <summary>A stand-in for a silo answers each end as one does that has taken another record meanwhile.</summary>
    [Fact]
    public async Task Redrive_RecordsComeFasterThanTheyGo_GivesUpAndSaysSo()
    {
        await ComeAsync(0);
        using var done = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var silo = AnswerEndsAsync(done.Token);

        var (exitCode, output, error) = await RunAsync("redrive", "--all", "--timeout", "3", "--json");
        await done.CancelAsync();
        await silo;

        Assert.True(exitCode == 1, output + error);
        var result = JsonDocument.Parse(output).RootElement;
        Assert.Contains("faster", Assert.Single(result.GetProperty("problems").EnumerateArray()).GetString(), StringComparison.Ordinal);
        Assert.Equal(0, result.GetProperty("conversations").GetInt32());
        // Each pass sends what came since the one before, once and in order.
        var sent = Read(new TopicPartition("t", 0)).Select(r => DeadLetterHeaders.Text(r.Message.Headers, DeadLetterHeaders.RedriveOrigin)).OfType<string>().ToList();
        Assert.InRange(sent.Count, 2, int.MaxValue);
        Assert.Equal(Enumerable.Range(0, sent.Count).Select(i => $"id/0@{i}"), sent);

        // Not for ever, so that a redrive without bounds fails the test rather than hanging it.
        async Task AnswerEndsAsync(CancellationToken cancellationToken)
        {
            using var consumer = new ConsumerBuilder<byte[]?, byte[]?>(new ConsumerConfig { BootstrapServers = _kafka.BootstrapServers, GroupId = "silo" }).Build();
            consumer.Assign(new TopicPartitionOffset("t", 0, 0));
            await Task.Yield();
            for (var came = 1; came < 100 && !cancellationToken.IsCancellationRequested;)
            {
                var record = consumer.Consume(100);
                if (record is not null && DeadLetterHeaders.Bytes(record.Message.Headers, DeadLetterHeaders.RedriveEnd) is not null)
                {
                    await ComeAsync(came++);
                }
            }
        }

        async Task ComeAsync(int offset)
        {
            var position = $"id/0@{offset}";
            await WriteAsync(("reason", "r"), ("stream", "n/secret"), ("parked", "id/0@0"), ("position", position), ("origin", position));
            await WriteStateAsync("id/0@0", position);
        }
    }

    [Fact]
    public async Task Redrive_ParkedConversationAndParkingTopicMissing_Returns1AndSendsNothing()
    {
        await WriteAsync(("reason", "r"), ("stream", "n/secret"), ("parked", "id/0@3"), ("position", "id/0@3"));
        await WriteAsync(("reason", "alone"));

        var (exitCode, _, error) = await RunAsync("redrive", "--all", "--parking-topic", "nowhere");
        Assert.Equal(1, exitCode);
        Assert.Contains("nowhere", error, StringComparison.Ordinal);
        Assert.DoesNotContain("unexpected", error, StringComparison.Ordinal);
        Assert.Empty(Read(new TopicPartition("t", 0)));
        // What stands alone needs no such topic.
        Assert.Equal(0, (await RunAsync("redrive", "--reason", "alone", "--parking-topic", "nowhere")).ExitCode);
    }

    [Fact]
    public async Task Redrive_ParkingTopicOfOthers_Returns1AndSendsNothing()
    {
        await ParkAsync(0, 1);
        var (exitCode, _, error) = await RunAsync("redrive", "--all", "--parking-topic", "t");
        Assert.Equal(1, exitCode);
        Assert.Contains("knows nothing", error, StringComparison.Ordinal);
        Assert.Empty(Read(new TopicPartition("t", 0)));
        Assert.Equal(["0:0", "0:1"], await LettersAsync());
    }
}
