using System.CommandLine;

namespace StableDiffusion.Cli;

/// <summary>
/// The fields of a batch line, whatever form it has: values by the name of their option (see <see cref="OptionNames.FieldOf"/>). Several values are
/// alternatives, but for options that take a list.
/// </summary>
internal sealed class LineFields : Dictionary<string, IReadOnlyList<string>>, IGivenOptions
{
    public LineFields()
    {
    }

    public LineFields(IEnumerable<KeyValuePair<string, IReadOnlyList<string>>> fields)
        : base(fields)
    {
    }

    public bool Has(Option option) => ContainsKey(OptionNames.FieldOf(option.Name));

    /// <summary>The value of a field with its choice made.</summary>
    /// <exception cref="RequestException">It is no value of its option; the message names the field.</exception>
    public T? GetValue<T>(Option<T> option)
    {
        if (!TryGetValue(OptionNames.FieldOf(option.Name), out var values))
        {
            return option.HasDefaultValue ? (T?)option.GetDefaultValue() : default;
        }

        return (T)(typeof(T) == typeof(string[]) ? values.ToArray() : ValueOf(option, values[0]));
    }

    /// <summary>A text as the value of an option.</summary>
    /// <exception cref="RequestException">It is none; the message names the field.</exception>
    public static object ValueOf(Option option, string text)
    {
        var type = TypeOf(option);
        return type == typeof(int) ? Numbers.TryWhole(text, out var whole) ? whole : throw Wanted(Numbers.Wanted(text, whole: true))
            : type == typeof(double) ? Numbers.TryReal(text, out var real) ? real : throw Wanted(Numbers.Wanted(text, whole: false))
            : type == typeof(bool) ? bool.TryParse(text, out var flag) ? flag : throw Wanted("true or false")
            : text;

        RequestException Wanted(string what) => new($"{OptionNames.FieldOf(option.Name)} {OneLine.Quote(text)} must be {what}.");
    }

    /// <summary>The type of an option's value, whether it may be left out or not.</summary>
    public static Type TypeOf(Option option) => Nullable.GetUnderlyingType(option.ValueType) ?? option.ValueType;
}
