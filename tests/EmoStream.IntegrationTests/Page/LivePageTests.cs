using System.Globalization;
using EmoStream.Contracts.Timeline;
using EmoStream.Testing.Gateway;

namespace EmoStream.IntegrationTests.Page;

/// <summary>What people see while a conversation goes on.</summary>
public sealed class LivePageTests(Chromium chromium) : PageTest(chromium)
{
    [Fact]
    public async Task Page_EntriesThatCome_AppearInEveryPanel()
    {
        await OpenAsync();
        await HasAsync(Page.Locator("#status"), "data-state", "live");
        await CountAsync(Page.Locator(".mark"), 0);

        await Writer.WriteAsync(Writer.Entry("u1", "s1", "Good morning."));
        await SeeAsync(Mark("u1"));
        await Writer.WriteAsync(Writer.Entry("u2", "s2", "I am furious.", "anger"), Writer.Entry("u3", "s1"));

        await CountAsync(Page.Locator(".mark"), 3);
        await HasAsync(Mark("u2"), "data-label", "anger");
        await ReadsAsync(Row("u2"), "I am furious.");
        await ReadsAsync(Row("u2"), "anger 64 %");
        await ReadsAsync(Page.Locator("#subtitle"), "3 utterances · 2 speakers");
        await CountAsync(Page.Locator(".weight"), 3);
        // text, audio, and the hatching of the recovered audio.
        await CountAsync(Page.Locator(".weight[data-id='u2'] rect"), 3);
        await SeeAsync(Page.Locator($"a[data-conversation='{Writer.ConversationId}'][aria-current='page']"));
    }

    [Fact]
    public async Task Page_EachSpeaker_HasALaneInTheOrderOfFirstWords()
    {
        await Writer.WriteAsync(Writer.Entry("u1", "s2"), Writer.Entry("u2", "s1"), Writer.Entry("u3", "s3"), Writer.Entry("u4", "s1"));
        // The feed brings the revised first utterance last.
        await Writer.WriteAsync(Writer.Entry("u1", "s2") with { StartMs = 0, EndMs = 3000 });
        await OpenAsync();

        await CountAsync(Page.Locator(".track"), 3);
        await HasAsync(Mark("u1"), "data-lane", "0");
        await HasAsync(Mark("u2"), "data-lane", "1");
        await HasAsync(Mark("u4"), "data-lane", "1");
        await HasAsync(Mark("u3"), "data-lane", "2");
        Assert.Equal(["Speaker s2", "Speaker s1", "Speaker s3"], await Page.Locator(".gutter-label[data-kind=speaker]").AllTextContentsAsync());
    }

    [Fact]
    public async Task Page_River_HasAnAreaPerLabelWhoseHeightsAddUp()
    {
        await Writer.WriteAsync(Writer.Entry("u1"), Writer.Entry("u2", label: "fear"));
        await OpenAsync();

        await CountAsync(Page.Locator(".river-area"), TimelineWriter.Labels.Length);
        foreach (var label in TimelineWriter.Labels)
        {
            var path = Page.Locator($".river-area[data-label='{label}'] path").First;
            Assert.StartsWith("M", await path.GetAttributeAsync("d") ?? "", StringComparison.Ordinal);
            await SeeAsync(Page.Locator($".legend-label[data-label='{label}']"));
        }

        // joy lies on top, so its area spans the share it has in either utterance: 64 % and 6 % of the river.
        var bed = await Page.Locator(".river .river-bed").BoundingBoxAsync();
        var joy = await Page.Locator(".river-area[data-label='joy'] path").First.BoundingBoxAsync();
        Assert.Equal(0.64, joy!.Height / bed!.Height, 0.03);
    }

    [Fact]
    public async Task Page_Revision_UpdatesTheUtteranceInPlace()
    {
        await Writer.WriteAsync(Writer.Entry("u1", text: "I scream", status: EntryStatus.Provisional), Writer.Entry("u2"));
        await OpenAsync();
        await HasAsync(Mark("u1"), "data-status", "provisional");

        await Writer.WriteAsync(Writer.Entry("u1", text: "Ice cream", label: "surprise", status: EntryStatus.Revised) with { StartMs = 0, EndMs = 3000 });

        await HasAsync(Mark("u1"), "data-status", "revised");
        await HasAsync(Mark("u1"), "data-label", "surprise");
        await ReadsAsync(Row("u1"), "Ice cream");
        await CountAsync(Page.Locator(".row"), 2);
        await CountAsync(Page.Locator(".mark"), 2);
        await CountAsync(Page.GetByText("I scream"), 0);
        Assert.Equal("u1", await Page.Locator(".row").First.GetAttributeAsync("data-id"));
    }

    [Fact]
    public async Task Page_Retraction_RemovesTextAndScoresEverywhere()
    {
        await Writer.WriteAsync(Writer.Entry("u1"), Writer.Entry("u2", text: "Strike that."));
        await OpenAsync();
        await Row("u2").ClickAsync();
        await ReadsAsync(Page.Locator("#detail"), "Strike that.");

        await Writer.WriteAsync(Writer.Retracted("u2"));

        await HasAsync(Mark("u2"), "data-status", "retracted");
        await CountAsync(Page.GetByText("Strike that."), 0);
        await CountAsync(Page.Locator(".weight[data-id='u2'] rect"), 0);
        await CountAsync(Page.Locator("#detail .bars"), 0);
        await ReadsAsync(Page.Locator("#subtitle"), "1 utterance · ");
    }

    [Fact]
    public async Task Page_ModalitiesThatComeAndGo_ShowsWhatCountedAndWhatWasRecovered()
    {
        var whole = Writer.Entry("u1") with
        {
            Weights = new Dictionary<string, float> { ["text"] = 0.5f, ["audio"] = 0.3f, ["face"] = 0.2f },
            Availability = ["text", "audio", "face"],
            Recovered = [],
        };
        await Writer.WriteAsync(whole, whole with { UtteranceId = "u2", Text = "", Availability = ["audio"], Recovered = ["text", "face"], StartMs = 4000, EndMs = 7000 });
        await OpenAsync();

        await CountAsync(Page.Locator(".weight[data-id='u1'] rect"), 3);
        await CountAsync(Page.Locator(".weight[data-id='u2'] rect[data-recovered]"), 2);
        await CountAsync(Page.Locator(".weight[data-id='u2'] rect[data-recovered][data-modality=audio]"), 0);
        // The three lie on one another and fill the bed.
        var bed = await Page.Locator(".weights .river-bed").BoundingBoxAsync();
        foreach (var (name, weight) in whole.Weights)
        {
            var box = await Page.Locator($".weight[data-id='u2'] rect[data-modality={name}]").First.BoundingBoxAsync();
            Assert.Equal(weight, box!.Height / bed!.Height, 0.02);
        }

        // An utterance of voice alone brings no words; nobody withheld them.
        await ReadsAsync(Row("u2"), "No words.");
        await Row("u2").ClickAsync();
        await ReadsAsync(Page.Locator("#detail .weights-bars"), "text recovered");
        await ReadsAsync(Page.Locator("#detail .weights-bars"), "face recovered");
        await ReadsAsync(Page.Locator("#detail .facts"), "Recoveredtext, face");
        await Row("u1").ClickAsync();
        await ReadsAsync(Page.Locator("#detail .facts"), "Recoverednone");
    }

    [Fact]
    public async Task Page_WithoutAClock_LaysUtterancesOutBySequence()
    {
        await Writer.WriteAsync([.. Enumerable.Range(1, 5).Select(i => Writer.Entry($"u{i}") with { StartMs = null, EndMs = null })]);
        await OpenAsync();

        await CountAsync(Page.Locator(".mark"), 5);
        await ReadsAsync(Page.Locator("#axis-mode"), "By sequence");
        await Assertions_DisabledAsync();
        var lefts = new List<float>();
        for (var i = 1; i <= 5; i++)
        {
            lefts.Add((await Mark($"u{i}").BoundingBoxAsync())!.X);
        }

        Assert.Equal(lefts.Order(), lefts);
        Assert.Equal(5, lefts.Distinct().Count());

        Task Assertions_DisabledAsync() => Microsoft.Playwright.Assertions.Expect(Page.Locator("#axis-mode")).ToBeDisabledAsync();
    }

    [Fact]
    public async Task Page_GatewayRestarts_GoesOnWhereItWas()
    {
        Expected = complaint => complaint.Contains("net::ERR_", StringComparison.Ordinal);
        await Writer.WriteAsync(Writer.Entry("u1"));
        await OpenAsync();
        await SeeAsync(Mark("u1"));
        var address = Gateway.Address;

        await Gateway.DisposeAsync();
        await HasAsync(Page.Locator("#status"), "data-state", "offline");
        await Writer.WriteAsync(Writer.Entry("u2"), Writer.Entry("u3"));
        Gateway = await GatewayHost.StartAsync(Redis, urls: address.AbsoluteUri);

        await HasAsync(Page.Locator("#status"), "data-state", "live");
        await SeeAsync(Mark("u3"));
        await CountAsync(Page.Locator(".mark"), 3);
        await CountAsync(Page.Locator(".row"), 3);
    }

    [Fact]
    public async Task Page_LongConversation_KeepsItsElementsFew()
    {
        const int count = 2_000;
        foreach (var batch in Enumerable.Range(0, count).Chunk(250))
        {
            await Writer.WriteAsync([.. batch.Select(i => Writer.Entry($"u{i}", $"s{i % 4}") with { StartMs = i * 4000L, EndMs = (i * 4000L) + 3000 })]);
        }

        await OpenAsync();

        await ReadsAsync(Page.Locator("#subtitle"), string.Create(CultureInfo.InvariantCulture, $"{count} utterances"));
        await SeeAsync(Mark($"u{count - 1}"));
        await SeeAsync(Row($"u{count - 1}"));
        Assert.InRange(await Page.Locator(".mark").CountAsync(), 50, 600);
        Assert.InRange(await Page.Locator(".row").CountAsync(), 5, 300);

        await Page.Locator("#scroller").FocusAsync();
        await Page.Keyboard.PressAsync("Home");
        await SeeAsync(Mark("u0"));
        await SeeAsync(Row("u0"));
        await CountAsync(Mark($"u{count - 1}"), 0);
    }
}
