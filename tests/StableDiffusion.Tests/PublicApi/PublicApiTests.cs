using System.Reflection;
using System.Text;
using System.Xml.Linq;

namespace StableDiffusion.Tests;

/// <summary>
/// What the library shows to callers: every public type and member is in PublicApi.txt. A change is meant, or it is a mistake; a meant one is
/// approved by running this test with STABLEDIFFUSION_APPROVE=1, which writes the file anew, and committing that.
/// </summary>
public class PublicApiTests
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly string _approved = Path.Combine(Repository.Root, "tests", "StableDiffusion.Tests", "PublicApi", "PublicApi.txt");

    private static readonly string[] _ofEveryRecord =
        ["Equals", "GetHashCode", "ToString", "Deconstruct", "<Clone>$", "op_Equality", "op_Inequality", "PrintMembers"];

    private static IEnumerable<Type> Types => typeof(TextToImagePipeline).Assembly.GetExportedTypes().OrderBy(type => type.Name, StringComparer.Ordinal);

    [Fact]
    public void The_public_surface_is_the_approved_one()
    {
        var shown = string.Concat(Types.Select(Describe));
        if (Environment.GetEnvironmentVariable("STABLEDIFFUSION_APPROVE") == "1")
        {
            File.WriteAllText(_approved, shown);
        }

        Assert.Equal(File.ReadAllLines(_approved), shown.Split('\n')[..^1]);
    }

    /// <summary>Members of records that the primary constructor makes are documented as its parameters.</summary>
    [Fact]
    public void Every_public_type_and_member_is_documented()
    {
        var file = Path.ChangeExtension(typeof(TextToImagePipeline).Assembly.Location, ".xml");
        var documented = XDocument.Load(file).Descendants("member").ToDictionary(member => (string)member.Attribute("name")!);
        bool IsParameter(Type type, string name) =>
            documented.TryGetValue($"T:{type.FullName}", out var record) && record.Elements("param").Any(param => (string?)param.Attribute("name") == name);

        var without =
            from type in Types
            from member in (string[])[$"T:{type.FullName}", .. type.GetProperties(Declared).Select(property => $"P:{type.FullName}.{property.Name}"), .. Methods(type).Select(method => $"M:{type.FullName}.{method.Name}")]
            where !documented.Keys.Any(key => key == member || key.StartsWith(member + "(", StringComparison.Ordinal))
            where !IsParameter(type, member[(member.LastIndexOf('.') + 1)..])
            select member;

        Assert.Equal([], without);
    }

    private static IEnumerable<MethodInfo> Methods(Type type) =>
        type.GetMethods(Declared).Where(method => !method.IsSpecialName && !_ofEveryRecord.Contains(method.Name) && !type.IsEnum);

    private static string Describe(Type type)
    {
        var text = new StringBuilder();
        var kind = type.IsEnum ? "enum" : type.IsInterface ? "interface" : type.IsValueType ? "struct" : type is { IsAbstract: true, IsSealed: true } ? "static class" : "class";
        text.Append(kind).Append(' ').Append(NameOf(type)).Append('\n');
        if (type.IsEnum)
        {
            return text.Append("    ").AppendJoin(", ", Enum.GetNames(type)).Append('\n').ToString();
        }

        IEnumerable<string> members =
        [
            .. type.GetConstructors().Select(constructor => $"new({Parameters(constructor)})").Order(StringComparer.Ordinal),
            .. type.GetFields(Declared).Select(field => $"const {NameOf(field.FieldType)} {field.Name}").Order(StringComparer.Ordinal),
            .. type.GetProperties(Declared).OrderBy(property => property.Name, StringComparer.Ordinal).Select(Describe),
            .. Methods(type).OrderBy(method => method.Name, StringComparer.Ordinal).Select(method => $"{(method.IsStatic ? "static " : "")}{NameOf(method.ReturnType)} {method.Name}({Parameters(method)})"),
        ];
        return members.Aggregate(text, (all, member) => all.Append("    ").Append(member).Append('\n')).ToString();
    }

    private static string Describe(PropertyInfo property)
    {
        var set = property.SetMethod is not { IsPublic: true } setter ? ""
            : setter.ReturnParameter.GetRequiredCustomModifiers().Any(modifier => modifier.Name == "IsExternalInit") ? " init;"
            : " set;";
        return $"{(property.GetMethod!.IsStatic ? "static " : "")}{NameOf(property.PropertyType)} {property.Name} {{ get;{set} }}";
    }

    private static string Parameters(MethodBase method) => string.Join(
        ", ", method.GetParameters().Select(parameter => $"{NameOf(parameter.ParameterType)} {parameter.Name}{(parameter.HasDefaultValue ? " = …" : "")}"));

    private static string NameOf(Type type) =>
        Nullable.GetUnderlyingType(type) is { } underlying ? $"{NameOf(underlying)}?"
        : type.IsByRef ? $"out {NameOf(type.GetElementType()!)}"
        : type.IsArray ? $"{NameOf(type.GetElementType()!)}[]"
        : type.IsGenericType ? $"{type.Name.Split('`')[0]}<{string.Join(", ", type.GetGenericArguments().Select(NameOf))}>"
        : type.Name;
}
