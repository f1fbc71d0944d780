using System.Security.Cryptography;
using EmoStream.Testing.Gateway;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace EmoStream.IntegrationTests.Page;

/// <summary>A gateway that asks for a token.</summary>
public sealed class SignInTests(Chromium chromium) : PageTest(chromium)
{
    private static readonly byte[] Key = RandomNumberGenerator.GetBytes(32);

    private protected override IReadOnlyDictionary<string, string?> Settings => new Dictionary<string, string?>
    {
        ["EmoStream:Gateway:AllowAnonymous"] = "false",
        ["Authentication:Schemes:Bearer:ValidIssuer"] = "issuer",
        ["Authentication:Schemes:Bearer:ValidAudiences:0"] = "emostream",
        ["Authentication:Schemes:Bearer:SigningKeys:0:Issuer"] = "issuer",
        ["Authentication:Schemes:Bearer:SigningKeys:0:Value"] = Convert.ToBase64String(Key),
    };

    [Fact]
    public async Task Page_AskedForAToken_AsksThePersonAndThenFollows()
    {
        Expected = complaint => complaint.Contains("401", StringComparison.Ordinal);
        await Writer.WriteAsync(Writer.Entry("u1"));
        await OpenAsync();
        await SeeAsync(Page.Locator("#sign-in"));

        await Page.Locator("#token").FillAsync("not a token");
        await Page.Keyboard.PressAsync("Enter");
        await SeeAsync(Page.Locator("#sign-in"));
        await CountAsync(Page.Locator(".mark"), 0);

        await Page.Locator("#token").FillAsync(Token());
        await Page.Keyboard.PressAsync("Enter");
        await SeeAsync(Mark("u1"));
        await HasAsync(Page.Locator("#status"), "data-state", "live");

        // Kept for this tab: a reload does not ask again.
        await Page.ReloadAsync();
        await SeeAsync(Mark("u1"));
        await Microsoft.Playwright.Assertions.Expect(Page.Locator("#sign-in")).ToBeHiddenAsync();
    }

    private static string Token() => new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
    {
        Issuer = "issuer",
        Audience = "emostream",
        Expires = TimeProvider.System.GetUtcNow().UtcDateTime.AddMinutes(5),
        SigningCredentials = new SigningCredentials(new SymmetricSecurityKey(Key), SecurityAlgorithms.HmacSha256),
    });
}
