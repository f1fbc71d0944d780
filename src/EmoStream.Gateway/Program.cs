using EmoStream.Gateway;
using Microsoft.Extensions.Options;

var builder = WebApplication.CreateBuilder(args);
builder.AddGateway();
try
{
    await using var app = builder.Build();
    app.MapGateway();
    await app.RunAsync();
    return 0;
}
catch (OptionsValidationException e)
{
    // The operator's to mend: the message says what; a stack trace would only hide it.
    await Console.Error.WriteLineAsync(e.Message);
    return 1;
}
