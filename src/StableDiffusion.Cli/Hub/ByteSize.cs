using System.Globalization;

namespace StableDiffusion.Cli;

/// <summary>Numbers of bytes for people: decimal units, as disks and networks count.</summary>
internal static class ByteSize
{
    public static string Of(double bytes)
    {
        string[] units = ["B", "kB", "MB", "GB", "TB"];
        var unit = 0;
        for (; bytes >= 999.5 && unit < units.Length - 1; unit++)
        {
            bytes /= 1000;
        }

        var format = unit == 0 || bytes >= 99.95 ? "0" : bytes >= 9.995 ? "0.0" : "0.00";
        return $"{bytes.ToString(format, CultureInfo.InvariantCulture)} {units[unit]}";
    }
}
