using EmoStream.Inference.Bundle;
using EmoStream.ServiceDefaults;
using EmoStream.Silo.Hosting;
using EmoStream.Silo.Policy;
using Microsoft.Extensions.Options;

var builder = WebApplication.CreateBuilder(args);
builder.AddSilo();
try
{
    await using var app = builder.Build();
    app.MapDefaultEndpoints();
    await app.RunAsync();
    return 0;
}
catch (Exception e) when (e is OptionsValidationException or BundleException or PolicyException)
{
    // The operator's to mend: the message says what; a stack trace would only hide it.
    await Console.Error.WriteLineAsync(e.Message);
    return 1;
}
