using EmoStream.Testing.Gateway;
using Microsoft.Extensions.Time.Testing;
using Microsoft.Playwright;

namespace EmoStream.IntegrationTests.Page;

/// <summary>Finding one's way: keyboard, selection, choice of the conversation, small screens.</summary>
public sealed class PageUseTests(Chromium chromium) : PageTest(chromium)
{
    [Fact]
    public async Task Keyboard_Arrows_MoveTheSelectionThroughAllPanels()
    {
        await Writer.WriteAsync(Writer.Entry("u1", "s1", "One."), Writer.Entry("u2", "s2", "Two."), Writer.Entry("u3", "s1", "Three."));
        await OpenAsync();
        await SeeAsync(Mark("u3"));
        await Page.Locator("#scroller").FocusAsync();

        await Page.Keyboard.PressAsync("ArrowRight");
        await SelectedAsync("u1", "One.");
        await Page.Keyboard.PressAsync("ArrowRight");
        await SelectedAsync("u2", "Two.");
        await Page.Keyboard.PressAsync("ArrowLeft");
        await SelectedAsync("u1", "One.");
        await Page.Keyboard.PressAsync("ArrowDown");
        await SelectedAsync("u3", "Three.");
        await Page.Keyboard.PressAsync("Home");
        await SelectedAsync("u1", "One.");
        await Page.Keyboard.PressAsync("Escape");
        await CountAsync(Page.Locator(".row[aria-selected=true]"), 0);

        await Page.Locator("#transcript").FocusAsync();
        await Page.Keyboard.PressAsync("End");
        await SelectedAsync("u3", "Three.");
        await Page.Keyboard.PressAsync("ArrowUp");
        await SelectedAsync("u2", "Two.");
    }

    [Fact]
    public async Task Keyboard_Tab_ReachesEverythingInOrder()
    {
        await Writer.WriteAsync(Writer.Entry("u1"));
        await OpenAsync();
        await SeeAsync(Page.Locator($"a[data-conversation='{Writer.ConversationId}']"));

        var reached = new List<string>();
        for (var i = 0; i < 30 && !reached.Contains("transcript"); i++)
        {
            await Page.Keyboard.PressAsync("Tab");
            reached.Add(await Page.EvaluateAsync<string>("document.activeElement.id || document.activeElement.dataset.label || document.activeElement.dataset.conversation || document.activeElement.tagName"));
        }

        string[] wanted = ["skip", Writer.ConversationId, "joy", "anger", "live", "zoom-in", "scroller", "transcript"];
        Assert.Equal(wanted, reached.Where(wanted.Contains).Distinct());
    }

    [Fact]
    public async Task Hover_OnAMark_BringsOutTheRowAndATooltip()
    {
        await Writer.WriteAsync(Writer.Entry("u1", text: "One."), Writer.Entry("u2", text: "Two."));
        await OpenAsync();

        await Mark("u2").Locator(".mark-fill").HoverAsync();

        await Assertions.Expect(Row("u2")).ToHaveClassAsync("row hovered");
        await HasAsync(Page.Locator(".cursor.hover"), "data-id", "u2");
        await ReadsAsync(Page.Locator("#tooltip"), "Two.");
    }

    [Fact]
    public async Task Detail_SelectedUtterance_ShowsAllThatTheEntrySays()
    {
        await Writer.WriteAsync(Writer.Entry("u1", text: "One.", label: "anger"), Writer.Entry("u2"));
        await OpenAsync();

        await Row("u1").ClickAsync();

        var detail = Page.Locator("#detail");
        await CountAsync(detail.Locator("ul[aria-label^=Probabilities] li"), TimelineWriter.Labels.Length);
        await ReadsAsync(detail.Locator("ul[aria-label^=Probabilities] li[data-label=anger]"), "64.0");
        foreach (var said in new[] { "confidence 64 %", "With 90 % coverage one of: anger, neutral", "audio recovered", "30.0", "test-policy", "test@1", "2.5 ms queued, 7.5 ms inference", "0 (change 1)" })
        {
            await ReadsAsync(detail, said);
        }
    }

    [Fact]
    public async Task Address_WithoutConversation_OpensTheLatestAndChoosingChangesIt()
    {
        // Of another century: two commits may fall into one millisecond.
        await using var other = await TimelineWriter.OpenAsync(Redis, "other", new FakeTimeProvider(DateTimeOffset.UnixEpoch));
        await other.WriteAsync(other.Entry("o1", text: "Elsewhere."));
        await Writer.WriteAsync(Writer.Entry("u1", text: "Here."));

        await Page.GotoAsync(Gateway.Address.AbsoluteUri);
        await ReadsAsync(Row("u1"), "Here.");
        Assert.EndsWith($"#{Uri.EscapeDataString(Writer.ConversationId)}", Page.Url, StringComparison.Ordinal);

        await Page.Locator("a[data-conversation=other]").ClickAsync();
        await ReadsAsync(Row("o1"), "Elsewhere.");
        await CountAsync(Row("u1"), 0);
        await ReadsAsync(Page.Locator("#title"), "other");
    }

    [Fact]
    public async Task Page_Anywhere_SaysThatLabelsAreEstimates()
    {
        await OpenAsync();

        await SeeAsync(Page.GetByText("Estimates, not facts."));
    }

    [Theory]
    [InlineData(390, 844)]
    [InlineData(768, 1024)]
    [InlineData(1280, 800)]
    public async Task Page_OnAnyScreen_NeverScrollsSideways(int width, int height)
    {
        await Page.SetViewportSizeAsync(width, height);
        await Writer.WriteAsync([.. Enumerable.Range(0, 60).Select(i => Writer.Entry($"u{i}", $"s{i % 5}"))]);
        await OpenAsync();
        await SeeAsync(Mark("u59"));

        Assert.Equal(width, await Page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
    }

    private async Task SelectedAsync(string utteranceId, string text)
    {
        await HasAsync(Row(utteranceId), "aria-selected", "true");
        await CountAsync(Page.Locator(".row[aria-selected=true]"), 1);
        await HasAsync(Page.Locator(".cursor.selection"), "data-id", utteranceId);
        await ReadsAsync(Page.Locator("#detail blockquote"), text);
    }
}
