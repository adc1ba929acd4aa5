# Builds dist\pos-app, tries it and, where Inno Setup is installed, makes an installer. NOT TRIED: written on Linux.
# Needs Python 3.11 or newer.   powershell -ExecutionPolicy Bypass -File packaging\windows\build.ps1
# A signed program is not warned of: set SIGN to a command that takes a file, for example
#   $env:SIGN = "signtool sign /fd sha256 /tr http://timestamp.example.invalid /td sha256 /a"
$ErrorActionPreference = "Stop"
Set-Location (Join-Path $PSScriptRoot "..\..")

# Windows PowerShell goes on after a program that failed: here it does not.
function Invoke-Step {
    param([string] $Program, [string[]] $Arguments)
    & $Program @Arguments
    if ($LASTEXITCODE -ne 0) { throw "$Program ended with $LASTEXITCODE" }
}

function Invoke-Signing {
    param([string] $File)
    if (-not $env:SIGN) { return }
    $words = $env:SIGN -split " "
    Invoke-Step $words[0] (@($words | Select-Object -Skip 1) + $File)
}

function Find-InnoSetup {
    $command = Get-Command iscc -ErrorAction SilentlyContinue
    if ($command) { return $command.Source }
    foreach ($folder in @(${env:ProgramFiles(x86)}, $env:ProgramFiles, (Join-Path $env:LOCALAPPDATA "Programs"))) {
        if (-not $folder) { continue }
        $found = Join-Path $folder "Inno Setup 6\ISCC.exe"
        if (Test-Path $found) { return $found }
    }
    return $null
}

$venv = "build\package\venv"
if (Test-Path "build\package") { Remove-Item -Recurse -Force "build\package" }
if (Test-Path "dist\pos-app") { Remove-Item -Recurse -Force "dist\pos-app" }
Invoke-Step "py" @("-3", "-m", "venv", $venv)
$python = "$venv\Scripts\python.exe"
Invoke-Step $python @("-m", "pip", "install", "--quiet", "--require-hashes", "-r", "packaging\locks\window.lock",
    "-r", "packaging\locks\relay.lock", "-r", "packaging\locks\package.lock")
Invoke-Step "$venv\Scripts\pyinstaller.exe" @("--noconfirm", "--log-level", "ERROR", "--distpath", "dist",
    "--workpath", "build\package\work", "packaging\pos-app.spec")
Invoke-Step $python @("packaging\try_package.py", "dist\pos-app\pos-app.exe")
Invoke-Signing "dist\pos-app\pos-app.exe"
Invoke-Signing "dist\pos-app\till.exe"

$inno = Find-InnoSetup
if (-not $inno) {
    Write-Output "Inno Setup 6 is not installed: dist\pos-app works, no installer was made."
    exit 0
}
$version = ((& "dist\pos-app\pos-app.exe" --version) -split " ")[1]
if ($LASTEXITCODE -ne 0) { throw "the program does not say its version" }
Invoke-Step $inno @("/Qp", "/DVersion=$version", "packaging\windows\pos-app.iss")
Invoke-Signing "dist\pos-app-$version-setup.exe"
Write-Output "dist\pos-app-$version-setup.exe"
