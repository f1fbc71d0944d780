using EmoStream.ServiceDefaults;
using EmoStream.Silo.Hosting;

WebApplication app;
try
{
    var builder = WebApplication.CreateBuilder(args);
    // A start that fails is told below, in a line: what these would add is the same with a stack trace.
    builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None);
    builder.Logging.AddFilter("Orleans.Runtime.SiloLifecycleSubject", LogLevel.None);
    builder.AddSilo();
    app = builder.Build();
    app.MapDefaultEndpoints();
    await app.StartAsync();
}
catch (Exception e)
{
    await Console.Error.WriteLineAsync($"The silo does not start: {e.Message}");
    return 1;
}

await app.WaitForShutdownAsync();
await app.DisposeAsync();
return 0;
