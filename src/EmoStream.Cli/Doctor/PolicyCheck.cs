using EmoStream.Silo.Policy;

namespace EmoStream.Cli.Doctor;

/// <summary>Whether the policy file is one, by the code that reads it in the silo.</summary>
internal static class PolicyCheck
{
    public static Finding Run(string path)
    {
        try
        {
            PolicyGate.Load(path);
            return Finding.Good("policy", path);
        }
        catch (PolicyException e)
        {
            return Finding.Bad("policy", e.Message, "Name a policy file with --policy FILE or EmoStream__Policy; without one nothing may be used.");
        }
    }
}
