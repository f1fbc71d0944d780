using System.Diagnostics;
using OpenTelemetry;

namespace EmoStream.ServiceDefaults;

/// <summary>Takes addresses of single conversations out of every span before it is exported: of a path only the route stays.</summary>
internal sealed class TracePrivacy : BaseProcessor<Activity>
{
    private const string Path = "url.path";
    private const string Full = "url.full";

    public override void OnEnd(Activity data)
    {
        if (data.GetTagItem(Path) is not null)
        {
            data.SetTag(Path, data.GetTagItem("http.route"));
        }

        if (data.GetTagItem(Full) is { } full)
        {
            data.SetTag(Full, Uri.TryCreate(full.ToString(), UriKind.Absolute, out var address) ? address.GetLeftPart(UriPartial.Authority) : null);
        }
    }
}
