#!/usr/bin/env bash
# Makes the package Microsoft.ML.OnnxRuntime.Gpu available to the restore that called this script.
# Usage: feed.sh VERSION
#
# 1. Ask the NuGet sources of this machine. If they have the package, it lands in NuGet's cache: done.
# 2. Otherwise pack the official C# API sources and native libraries, which an npm package carries, into
#    the folder of this script, which is a NuGet source. The library for CUDA is not part of it: see README.md, "CUDA".
set -euo pipefail

version=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
npm_package=com.github.asus4.onnxruntime@0.4.9
package=$here/Microsoft.ML.OnnxRuntime.Gpu.$version.nupkg

# 'dotnet run' shows nothing of a restore that goes well; on a terminal the user is told all the same.
say() {
  echo "$*"
  { echo "$*" >/dev/tty; } 2>/dev/null || true
}

fail() {
  echo "ONNX Runtime feed: $*" >&2
  exit 1
}

exec 9>"$here/.lock"
if command -v flock >/dev/null; then flock 9; fi
if [ -f "$package" ]; then exit 0; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The calling build's settings must not reach the builds below.
unset MSBUILD_EXE_PATH MSBuildSDKsPath MSBuildExtensionsPath MSBuildLoadMicrosoftTargetsReadOnly
export MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 DOTNET_NOLOGO=1

say "Looking for Microsoft.ML.OnnxRuntime.Gpu $version on the configured NuGet sources ..."
mkdir "$work/ask"
cat >"$work/ask/ask.csproj" <<EOF
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup><TargetFramework>net10.0</TargetFramework></PropertyGroup>
  <ItemGroup><PackageReference Include="Microsoft.ML.OnnxRuntime.Gpu" Version="[$version]" /></ItemGroup>
</Project>
EOF
if dotnet restore "$work/ask/ask.csproj" -v q >"$work/ask.log" 2>&1; then
  exit 0
fi
if ! grep -q 'NU1101\|NU1102\|NU1103' "$work/ask.log"; then
  cat "$work/ask.log" >&2
  fail "NuGet could not be asked for Microsoft.ML.OnnxRuntime.Gpu $version. Check the network and 'dotnet nuget list source'."
fi

command -v npm >/dev/null ||
  fail "no NuGet source here has Microsoft.ML.OnnxRuntime.Gpu $version, and npm is missing, from which it could be packed. Install Node.js with npm, or add a NuGet source that has the package."

say "Not on NuGet. Packing ONNX Runtime $version from npm $npm_package (about 150 MB, once) ..."
(cd "$work" && npm pack --silent "$npm_package" >npm.out 2>npm.err) ||
  fail "npm could not fetch $npm_package: $(tail -n 3 "$work/npm.err" | tr '\n' ' ')"
tar -xzf "$work"/com.github.asus4.onnxruntime-*.tgz -C "$work"

mkdir "$work/pack"
cat >"$work/pack/pack.csproj" <<EOF
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <TargetFramework>netstandard2.1</TargetFramework>
    <LangVersion>12</LangVersion>
    <AllowUnsafeBlocks>true</AllowUnsafeBlocks>
    <AssemblyName>Microsoft.ML.OnnxRuntime</AssemblyName>
    <PackageId>Microsoft.ML.OnnxRuntime.Gpu</PackageId>
    <Version>$version</Version>
    <Description>ONNX Runtime $version, packed from npm $npm_package because NuGet had no package.</Description>
    <PackageLicenseExpression>MIT</PackageLicenseExpression>
    <EnableDefaultCompileItems>false</EnableDefaultCompileItems>
    <TreatWarningsAsErrors>false</TreatWarningsAsErrors>
    <NoWarn>\$(NoWarn);CS8981;CS0618;CS0168;CS1591;NU5128;NU5100</NoWarn>
  </PropertyGroup>
  <ItemGroup>
    <Compile Include="../package/Runtime/**/*.cs" />
    <None Include="../package/Plugins/Linux/x64/*.so" Pack="true" PackagePath="runtimes/linux-x64/native" />
    <None Include="../package/Plugins/macOS/arm64/*.dylib" Pack="true" PackagePath="runtimes/osx-arm64/native" />
    <None Include="../package/ThirdPartyNotices.txt" Pack="true" PackagePath="/" />
  </ItemGroup>
</Project>
EOF
dotnet pack "$work/pack/pack.csproj" -c Release -o "$work/out" -v q >"$work/pack.log" 2>&1 ||
  { cat "$work/pack.log" >&2; fail "packing ONNX Runtime failed; the lines above say why."; }
mv "$work/out/$(basename "$package")" "$package.tmp"
mv "$package.tmp" "$package"
say "Packed $(basename "$package")."
