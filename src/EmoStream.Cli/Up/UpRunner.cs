using System.Diagnostics;
using System.Globalization;
using EmoStream.Cli.Doctor;
using EmoStream.Cli.Replay;
using EmoStream.Cli.Watch;
using EmoStream.Client.Produce;
using EmoStream.Client.Read;
using EmoStream.Contracts.Timeline;
using Microsoft.Extensions.Options;
using Spectre.Console;

namespace EmoStream.Cli.Up;

/// <summary>
/// What <c>up</c> does: 1 check what it was given, 2 start the embedded servers, 3 start silo and gateway, 4 say where
/// they are, 5 replay the meeting through Kafka and follow its timeline through the gateway, as anybody else would.
/// </summary>
internal sealed class UpRunner(Terminal terminal, UpSettings settings)
{
    private readonly TimeProvider _clock = TimeProvider.System;
    private TimeSpan? _firstEntry;

    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        // 1. What fails fast fails before the model is loaded.
        var meeting = settings.Meeting is { } file ? Meeting.Load(file) : null;
        if (meeting is not null)
        {
            CheckFits(settings.Meeting!);
        }

        UpHost.CheckPort(settings.Port);
        await CheckServersAsync();

        // 2. and 3.
        using var servers = EmbeddedServers.Start(settings);
        await using var app = await UpHost.StartAsync(settings, servers);
        try
        {
            cancellationToken.ThrowIfCancellationRequested();

            // 4.
            var address = new Uri(app.Urls.First());
            Announce(servers, address, meeting);

            // 5.
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, app.Lifetime.ApplicationStopping);
            if (meeting is null)
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, _clock, stop.Token);
            }

            return await ShowAsync(meeting!, servers, address, stop.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested && app.Lifetime.ApplicationStopping.IsCancellationRequested)
        {
            throw new UpException("The silo stopped by itself; its last warnings are above.", "Try: emostream doctor");
        }
        finally
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10), _clock);
            await app.StopAsync(patience.Token);
        }
    }

    /// <summary>A meeting is one partition; what does not fit there would be forgotten before it is read.</summary>
    private void CheckFits(string file)
    {
        if (settings.Kafka is null && new FileInfo(file).Length > EmbeddedLimits.MaxMeetingBytes)
        {
            throw new UpException($"{file} is larger than what the embedded broker keeps.", "Name a real Kafka with --kafka HOST:PORT.");
        }
    }

    /// <summary>Silo and gateway would wait for servers that are down; here somebody waits for us.</summary>
    private async Task CheckServersAsync()
    {
        var findings = new List<Finding>();
        if (settings.Kafka is { } kafka)
        {
            // Missing topics are no obstacle: the silo creates them.
            findings.AddRange(KafkaCheck.Run(kafka).Take(1));
        }

        if (settings.Redis is { } redis)
        {
            findings.AddRange(await RedisCheck.RunAsync(redis));
        }

        if (findings.Find(finding => !finding.Ok) is { } wrong)
        {
            throw new UpException($"{wrong.Check}: {wrong.Detail}", wrong.Remedy!);
        }
    }

    private async Task<int> ShowAsync(Meeting meeting, EmbeddedServers servers, Uri address, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var timeout = new CancellationTokenSource(settings.ExitWhenDone ? settings.Timeout : Timeout.InfiniteTimeSpan, _clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop.Token, timeout.Token);
        using var http = new HttpClient { Timeout = Timeout.InfiniteTimeSpan };
        var client = new TimelineClient(http, Options.Create(new TimelineClientOptions { BaseAddress = address }));
        var display = new TimelineDisplay(terminal, () => Caption(meeting, address));

        var replay = ReplayAsync(meeting, servers.Kafka, either.Token);
        // A replay that fails must not leave the follower waiting for what will never come.
        _ = replay.ContinueWith(_ => stop.Cancel(), CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
        try
        {
            await display.RunAsync(
                client.FollowAsync(meeting.ConversationId, cancellationToken: either.Token),
                entry => Seen(meeting, entry));
            await replay;
        }
        catch (OperationCanceledException) when (replay.IsFaulted)
        {
            throw new UpException(replay.Exception!.InnerException!.Message, "Try: emostream doctor");
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new UpException(
                string.Create(CultureInfo.InvariantCulture, $"After {settings.Timeout.TotalSeconds:F0} s {meeting.Open} of {meeting.Utterances} utterances were not final."),
                "Give it more time with --timeout SECONDS, or see emostream doctor.");
        }

        // The current view: it has the changes that came in the same commit as the one that settled the meeting.
        var whole = new TimelineModel();
        foreach (var entry in (await client.GetTimelineAsync(meeting.ConversationId, cancellationToken))!.Entries)
        {
            whole.Apply(entry);
        }

        terminal.Out.Write(TimelineTable.Whole(whole));
        terminal.Out.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"{meeting.Summary}; first entry {_firstEntry?.TotalSeconds:F1} s after process start.");
        return ExitCode.Ok;
    }

    private async Task ReplayAsync(Meeting meeting, string bootstrapServers, CancellationToken cancellationToken)
    {
        var options = new UtteranceProducerOptions
        {
            BootstrapServers = bootstrapServers,
            Topic = KafkaEnvironment.Topics.Utterances,
            Source = "urn:emostream:up",
            DeliveryTimeout = TimeSpan.FromSeconds(30),
        };
        if (settings.Kafka is not null)
        {
            KafkaEnvironment.CopySettingsTo(options.Kafka);
        }

        await using var producer = new UtteranceProducer(Options.Create(options));
        await new Replayer((e, token) => producer.ProduceAsync(e, token), new ReplayPacer(_clock, settings.Speed))
            .RunAsync(meeting.File, meeting.Plan, cancellationToken);
    }

    /// <summary>Whether the display may end.</summary>
    private bool Seen(Meeting meeting, TimelineEntry entry)
    {
        if (_firstEntry is null)
        {
            using var process = Process.GetCurrentProcess();
            _firstEntry = _clock.GetUtcNow() - process.StartTime.ToUniversalTime();
            if (!terminal.IsLive)
            {
                terminal.Out.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"First entry {_firstEntry.Value.TotalSeconds:F1} s after process start.");
            }
        }

        return meeting.Settle(entry) && settings.ExitWhenDone;
    }

    private string Caption(Meeting meeting, Uri address)
    {
        var state = meeting.Open == 0 ? meeting.Summary : string.Create(CultureInfo.InvariantCulture, $"{meeting.Utterances - meeting.Open} of {meeting.Utterances} final");
        var first = _firstEntry is { } time ? string.Create(CultureInfo.InvariantCulture, $"; first entry {time.TotalSeconds:F1} s after process start") : "";
        return $"{meeting.ConversationId}: {state}{first} | {address} | Ctrl+C ends";
    }

    private void Announce(EmbeddedServers servers, Uri address, Meeting? meeting)
    {
        terminal.Out.MarkupLineInterpolated($"page      [bold link]{address}[/]");
        terminal.Out.MarkupLineInterpolated($"kafka     {servers.Kafka}{(servers.KafkaIsEmbedded ? $" ({EmbeddedLimits.Short})" : "")}");
        terminal.Out.MarkupLineInterpolated($"redis     {servers.Redis}{(servers.RedisIsEmbedded ? " (embedded, for trying out: in memory only)" : "")}");
        terminal.Out.MarkupLineInterpolated($"model     {settings.Bundle}");
        terminal.Out.MarkupLineInterpolated($"policy    {settings.Policy}");
        terminal.Out.MarkupLineInterpolated($"meeting   {(meeting is null ? "none; send events to Kafka, or POST them to the gateway" : meeting.ConversationId)}");
        terminal.Out.WriteLine();
    }
}
